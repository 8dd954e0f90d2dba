import type { Attack } from '../attack.ts'
import type { CrossingField } from '../crossing/crossing-field.ts'
import { send, withFields } from '../tap.ts'

export const takenTransactionToken: Attack<CrossingField> = {
  name: 'taken-transaction-token',
  title: 'a request in a transaction, with the transaction token taken away',
  expectedCode: 'ERR_PROOF_TXN_TOKEN',
  run: ({ checkout, ports }) => send(ports.orders, withFields(checkout, { 'txn-token': undefined })),
}
