import type { Attack } from '../attack.ts'
import { send } from '../tap.ts'

export const misdirectedProof: Attack = {
  name: 'misdirected-proof',
  title: 'a proof made for one service, sent to another',
  expectedCode: 'ERR_PROOF_AUDIENCE',
  run: ({ captured, ports }) => send(ports.ledger, { ...captured, target: '/bookings' }),
}
