import type { Attack } from '../attack.ts'
import { send, withFields } from '../tap.ts'

export const bareToken: Attack = {
  name: 'bare-token',
  title: 'a stolen identity token alone, as if it were a bearer token',
  expectedCode: 'ERR_PROOF_MISSING',
  run: ({ captured, ports }) => send(ports.orders, withFields(captured, { 'workload-proof-token': undefined })),
}
