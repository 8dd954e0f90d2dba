import type { Attack } from '../attack.ts'
import type { CrossingField } from '../crossing/crossing-field.ts'

export const userTokenAtLedger: Attack<CrossingField> = {
  name: 'user-token-at-ledger',
  title: "the customer's own access token, shown to the ledger",
  expectedCode: 'ERR_CREDENTIAL_ISSUER',
  run: async ({ takenOver }) => {
    const { status, body } = takenOver.userTokenAtLedger
    return { status, code: body.code }
  },
}
