/** One token, found by its label and logged in to. */
import { KeyManagerError, readSecretLine } from '@countersign/plugin-kit'
import { TOKEN_FLAGS } from './cryptoki/constants.ts'
import type { Cryptoki } from './cryptoki/cryptoki.ts'
import { CryptokiError } from './cryptoki/return-value.ts'

export interface TokenOptions {
  /** CKA_LABEL of the token itself. */
  readonly label: string
  /** File whose one line is the PIN of the user. */
  readonly pinFile: string
}

/** What a token says to a PIN it does not take. None of these is worth a second try with the same PIN. */
const PIN_REFUSALS: ReadonlySet<string> = new Set([
  'CKR_PIN_INCORRECT',
  'CKR_PIN_INVALID',
  'CKR_PIN_LEN_RANGE',
  'CKR_PIN_EXPIRED',
  'CKR_PIN_LOCKED',
  'CKR_USER_PIN_NOT_INITIALIZED',
])

/**
 * @returns the slot it is in
 * @throws KeyManagerError `ERR_KEY_MANAGER_TOKEN` when there is none, or more than one, with this label
 */
export async function findToken(cryptoki: Cryptoki, label: string): Promise<number> {
  const found: number[] = []
  for (const slot of await cryptoki.slots()) {
    const info = await cryptoki.tokenInfo(slot).catch((error: unknown) => {
      // Pulled out a moment ago. What is wrong with another token is nothing to us.
      if (error instanceof CryptokiError) return undefined
      throw error
    })
    if (info?.label === label && (info.flags & TOKEN_FLAGS.TOKEN_INITIALIZED) !== 0) found.push(slot)
  }
  const [slot, ...more] = found
  if (slot === undefined) throw new KeyManagerError('ERR_KEY_MANAGER_TOKEN', `no token is labelled "${label}"`)
  if (more.length > 0) {
    const count = found.length
    throw new KeyManagerError('ERR_KEY_MANAGER_TOKEN', `${count} tokens are labelled "${label}"; give each its own`)
  }
  return slot
}

/**
 * Logs in, unless the token asks for no login or this process is logged in.
 *
 * A token counts wrong PINs and locks itself. A supervisor that starts a server again and again would use up all attempts:
 * the last one is therefore left to a human.
 *
 * @throws KeyManagerError `ERR_KEY_MANAGER_PIN`, `ERR_KEY_MANAGER_SECRET`, `ERR_KEY_MANAGER_PERMISSIONS`
 */
export async function logIn(cryptoki: Cryptoki, session: number, slot: number, options: TokenOptions): Promise<void> {
  const { flags } = await cryptoki.tokenInfo(slot)
  if ((flags & TOKEN_FLAGS.LOGIN_REQUIRED) === 0) return
  if ((flags & TOKEN_FLAGS.USER_PIN_LOCKED) !== 0) throw refused('is locked after too many wrong PINs', options)
  if ((flags & TOKEN_FLAGS.USER_PIN_FINAL_TRY) !== 0) {
    throw refused('locks itself with the next wrong PIN; log in once by another tool to clear the count', options)
  }
  const pin = readSecretLine(options.pinFile, 'PIN file')
  try {
    await cryptoki.login(session, pin)
  } catch (error) {
    if (!(error instanceof CryptokiError)) throw error
    if (error.returned === 'CKR_USER_ALREADY_LOGGED_IN') return
    if (PIN_REFUSALS.has(error.returned)) {
      throw refused('does not take the PIN; it is not tried again before the next start', options, error)
    }
    throw error
  } finally {
    pin.fill(0)
  }
}

function refused(message: string, { label }: TokenOptions, cause?: CryptokiError): KeyManagerError {
  return new KeyManagerError('ERR_KEY_MANAGER_PIN', `token "${label}" ${message}`, {
    cause,
    ...(cause === undefined ? {} : { detail: cause.returned }),
  })
}
