import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TOKEN_FLAGS } from './cryptoki/constants.ts'
import type { Cryptoki } from './cryptoki/cryptoki.ts'
import { CryptokiError } from './cryptoki/return-value.ts'
import { findToken, logIn } from './token.ts'

/** What a token can say that SoftHSM never does: it does not lock itself, and is never half removed. */
function sayings(flags: number, login: () => void = () => {}) {
  let attempts = 0
  const cryptoki = {
    slots: async () => [1, 2],
    tokenInfo: async (slot: number) => {
      if (slot === 2) throw new CryptokiError('C_GetTokenInfo', 0xe1)
      return { label: 'signing', flags }
    },
    login: async () => {
      attempts++
      login()
    },
  } as unknown as Cryptoki
  return { cryptoki, attempts: () => attempts }
}

let folder: string
const options = () => ({ label: 'signing', pinFile: join(folder, 'pin') })
const INITIALIZED = TOKEN_FLAGS.TOKEN_INITIALIZED
const LOGIN = INITIALIZED | TOKEN_FLAGS.LOGIN_REQUIRED
const refusal = (message: string, detail?: string) =>
  expect.objectContaining({ code: 'ERR_KEY_MANAGER_PIN', message: `token "signing" ${message}`, detail })

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-'))
  writeFileSync(join(folder, 'pin'), '1234\n', { mode: 0o600 })
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('findToken', () => {
  it('is not put off by another slot that cannot be read', async () => {
    expect(await findToken(sayings(LOGIN).cryptoki, 'signing')).toBe(1)
  })

  it('does not take one that was never initialized', async () => {
    await expect(findToken(sayings(0).cryptoki, 'signing')).rejects.toThrow('no token is labelled "signing"')
  })
})

describe('logIn', () => {
  it('logs in where that is asked for', async () => {
    const asking = sayings(LOGIN)
    await logIn(asking.cryptoki, 7, 1, options())
    expect(asking.attempts()).toBe(1)
    const open = sayings(INITIALIZED)
    await logIn(open.cryptoki, 7, 1, options())
    expect(open.attempts()).toBe(0)
  })

  it('does not use up the last attempt, nor try a token that is locked', async () => {
    const last = sayings(LOGIN | TOKEN_FLAGS.USER_PIN_FINAL_TRY)
    await expect(logIn(last.cryptoki, 7, 1, options())).rejects.toThrow(
      refusal('locks itself with the next wrong PIN; log in once by another tool to clear the count'),
    )
    const locked = sayings(LOGIN | TOKEN_FLAGS.USER_PIN_LOCKED)
    await expect(logIn(locked.cryptoki, 7, 1, options())).rejects.toThrow(
      refusal('is locked after too many wrong PINs'),
    )
    expect([last.attempts(), locked.attempts()]).toEqual([0, 0])
  })

  it.each([
    [0xa0, 'CKR_PIN_INCORRECT'],
    [0xa4, 'CKR_PIN_LOCKED'],
    [0xa3, 'CKR_PIN_EXPIRED'],
    [0x102, 'CKR_USER_PIN_NOT_INITIALIZED'],
  ])('says that the token does not take the PIN when it returns %i', async (returned, name) => {
    const { cryptoki } = sayings(LOGIN, () => {
      throw new CryptokiError('C_Login', returned)
    })
    await expect(logIn(cryptoki, 7, 1, options())).rejects.toThrow(
      refusal('does not take the PIN; it is not tried again before the next start', name),
    )
  })

  it('is content when this process is logged in already, and passes everything else on', async () => {
    const already = sayings(LOGIN, () => {
      throw new CryptokiError('C_Login', 0x100)
    })
    await logIn(already.cryptoki, 7, 1, options())
    const broken = sayings(LOGIN, () => {
      throw new CryptokiError('C_Login', 0x30)
    })
    await expect(logIn(broken.cryptoki, 7, 1, options())).rejects.toThrow('C_Login returned CKR_DEVICE_ERROR')
  })
})
