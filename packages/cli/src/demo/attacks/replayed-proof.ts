import type { Attack } from '../attack.ts'
import { send } from '../tap.ts'

export const replayedProof: Attack = {
  name: 'replayed-proof',
  title: 'a captured request sent again, byte for byte',
  expectedCode: 'ERR_PROOF_REPLAYED',
  run: ({ captured, ports }) => send(ports.orders, captured),
}
