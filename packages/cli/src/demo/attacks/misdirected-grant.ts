import type { Attack } from '../attack.ts'
import type { CrossingField } from '../crossing/crossing-field.ts'
import { refusedBy } from '../crossing/refused-by.ts'

export const misdirectedGrant: Attack<CrossingField> = {
  name: 'misdirected-grant',
  title: 'a grant for another domain, brought to the bank',
  expectedCode: 'ERR_CREDENTIAL_AUDIENCE',
  run: ({ takenOver, servers }) =>
    refusedBy(servers.bank, takenOver.attempts.misdirectedGrant, 'ERR_CREDENTIAL_AUDIENCE'),
}
