import type { Attack } from '../attack.ts'
import type { CrossingField } from '../crossing/crossing-field.ts'
import { refusedBy } from '../crossing/refused-by.ts'

export const userTokenAsGrant: Attack<CrossingField> = {
  name: 'user-token-as-grant',
  title: "the customer's own access token, brought to the bank for a grant",
  expectedCode: 'ERR_OAUTH_INVALID_GRANT',
  run: ({ takenOver, servers }) =>
    refusedBy(servers.bank, takenOver.attempts.userTokenAsGrant, 'ERR_OAUTH_INVALID_GRANT'),
}
