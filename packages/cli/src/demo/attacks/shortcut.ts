import type { Attack } from '../attack.ts'

export const shortcut: Attack = {
  name: 'shortcut',
  title: 'a genuine shopper that calls the ledger itself',
  expectedCode: 'ERR_POLICY_DENIED',
  async run({ runProgram, urls }) {
    const { status, body } = await runProgram('shopper', { LEDGER_URL: `${urls.ledger}/bookings` })
    return { status: Number(status), code: (body as { code?: string }).code }
  },
}
