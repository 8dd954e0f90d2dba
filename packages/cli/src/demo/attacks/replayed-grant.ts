import type { Attack } from '../attack.ts'
import type { CrossingField } from '../crossing/crossing-field.ts'
import { refusedBy } from '../crossing/refused-by.ts'

export const replayedGrant: Attack<CrossingField> = {
  name: 'replayed-grant',
  title: 'a grant for the bank, brought a second time',
  expectedCode: 'ERR_CREDENTIAL_REPLAYED',
  run: ({ takenOver, servers }) => refusedBy(servers.bank, takenOver.attempts.replayedGrant, 'ERR_CREDENTIAL_REPLAYED'),
}
