import type { Attack } from '../attack.ts'
import type { CrossingField } from '../crossing/crossing-field.ts'
import { refusedBy } from '../crossing/refused-by.ts'

export const unnamedWorkload: Attack<CrossingField> = {
  name: 'unnamed-workload',
  title: 'a stolen transaction token, by a workload that no rule names',
  expectedCode: 'ERR_OAUTH_UNAUTHORIZED_CLIENT',
  run: ({ pickpocket, servers }) =>
    refusedBy(servers.shop, pickpocket.attempts.grantForMe, 'ERR_OAUTH_UNAUTHORIZED_CLIENT'),
}
