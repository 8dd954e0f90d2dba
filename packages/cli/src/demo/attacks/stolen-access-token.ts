import type { Attack } from '../attack.ts'
import type { CrossingField } from '../crossing/crossing-field.ts'

export const stolenAccessToken: Attack<CrossingField> = {
  name: 'stolen-access-token',
  title: 'a stolen access token of the bank, beside the proof of another workload',
  expectedCode: 'ERR_POLICY_ACCESS_TOKEN',
  run: async ({ pickpocket }) => {
    const { status, body } = pickpocket.tokenOfAnother
    return { status, code: body.code }
  },
}
