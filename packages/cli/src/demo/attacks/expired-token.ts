import type { Attack } from '../attack.ts'

export const expiredToken: Attack = {
  name: 'expired-token',
  title: 'an expired identity token, with a fresh proof by its own key',
  expectedCode: 'ERR_CREDENTIAL_EXPIRED',
  async run({ runProgram, urls }) {
    const { status, body } = await runProgram('latecomer', { STOREFRONT_URL: urls.storefront })
    return { status: Number(status), code: (body as { code?: string }).code }
  },
}
