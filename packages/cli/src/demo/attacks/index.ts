import type { Attack } from '../attack.ts'
import type { CrossingField } from '../crossing/crossing-field.ts'
import { bareToken } from './bare-token.ts'
import { expiredToken } from './expired-token.ts'
import { foreignIssuer } from './foreign-issuer.ts'
import { misdirectedGrant } from './misdirected-grant.ts'
import { misdirectedProof } from './misdirected-proof.ts'
import { replayedGrant } from './replayed-grant.ts'
import { replayedProof } from './replayed-proof.ts'
import { reusedJoinToken } from './reused-join-token.ts'
import { shortcut } from './shortcut.ts'
import { stolenAccessToken } from './stolen-access-token.ts'
import { stolenToken } from './stolen-token.ts'
import { swappedCustomer } from './swapped-customer.ts'
import { takenTransactionToken } from './taken-transaction-token.ts'
import { tamperedToken } from './tampered-token.ts'
import { unnamedWorkload } from './unnamed-workload.ts'
import { unregisteredProgram } from './unregistered-program.ts'
import { userTokenAsGrant } from './user-token-as-grant.ts'
import { userTokenAtLedger } from './user-token-at-ledger.ts'
import { widerScope } from './wider-scope.ts'

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

/** Those on the way between the domains, in the order they are told. */
export const CROSSING_ATTACKS: readonly Attack<CrossingField>[] = [
  takenTransactionToken,
  unnamedWorkload,
  widerScope,
  replayedGrant,
  misdirectedGrant,
  userTokenAsGrant,
  userTokenAtLedger,
  stolenAccessToken,
]
