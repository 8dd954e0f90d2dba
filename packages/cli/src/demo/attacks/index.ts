import type { Attack } from '../attack.ts'
import { bareToken } from './bare-token.ts'
import { expiredToken } from './expired-token.ts'
import { foreignIssuer } from './foreign-issuer.ts'
import { misdirectedProof } from './misdirected-proof.ts'
import { replayedProof } from './replayed-proof.ts'
import { reusedJoinToken } from './reused-join-token.ts'
import { shortcut } from './shortcut.ts'
import { stolenToken } from './stolen-token.ts'
import { swappedCustomer } from './swapped-customer.ts'
import { tamperedToken } from './tampered-token.ts'
import { unregisteredProgram } from './unregistered-program.ts'

/** In the order they are told. */
export const ATTACKS: readonly Attack[] = [
  replayedProof,
  stolenToken,
  bareToken,
  misdirectedProof,
  tamperedToken,
  swappedCustomer,
  foreignIssuer,
  shortcut,
  unregisteredProgram,
  reusedJoinToken,
  expiredToken,
]
