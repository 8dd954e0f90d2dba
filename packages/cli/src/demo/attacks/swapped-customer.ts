import type { Attack } from '../attack.ts'
import { send, withFields } from '../tap.ts'

export const swappedCustomer: Attack = {
  name: 'swapped-customer',
  title: "a request with another customer's access token put in",
  expectedCode: 'ERR_PROOF_ACCESS_TOKEN',
  run: ({ captured, ports }) => send(ports.orders, withFields(captured, { authorization: 'Bearer another-customer' })),
}
