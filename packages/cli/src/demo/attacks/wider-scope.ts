import type { Attack } from '../attack.ts'
import type { CrossingField } from '../crossing/crossing-field.ts'
import { refusedBy } from '../crossing/refused-by.ts'

export const widerScope: Attack<CrossingField> = {
  name: 'wider-scope',
  title: 'a grant for more than the customer allowed',
  expectedCode: 'ERR_OAUTH_INVALID_SCOPE',
  run: ({ takenOver, servers }) => refusedBy(servers.shop, takenOver.attempts.widerScope, 'ERR_OAUTH_INVALID_SCOPE'),
}
