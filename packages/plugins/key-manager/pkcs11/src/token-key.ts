import { createHash } from 'node:crypto'
import { KeyManagerError } from '@countersign/plugin-kit'
import { type PublicJwk, type SignatureAlgorithm, type SigningKey, thumbprintInput } from '@countersign/protocol'
import { CryptokiError } from './cryptoki/return-value.ts'
import type { KeyKind } from './key-kinds.ts'
import type { Session, TokenSessions } from './token-sessions.ts'

const SIGN_TIMEOUT_MS = 10_000

interface KnownHandle {
  readonly connection: object
  readonly handle: number
}

export interface TokenKeyOptions {
  readonly name: string
  readonly kind: KeyKind
  readonly publicJwk: PublicJwk
  readonly sessions: TokenSessions
  readonly privateKey: KnownHandle
  /** What has the key's name now. */
  readonly findAgain: (session: Session) => Promise<TokenKey | undefined>
}

/** A private key that stays in its token. */
export class TokenKey implements SigningKey {
  readonly alg: SignatureAlgorithm
  readonly publicJwk: PublicJwk
  readonly #options: TokenKeyOptions
  #known: KnownHandle | undefined

  constructor(options: TokenKeyOptions) {
    const { kind, name, publicJwk } = options
    this.alg = kind.alg
    this.publicJwk = Object.freeze({ ...publicJwk, alg: kind.alg, kid: name })
    this.#options = options
    this.#known = options.privateKey
  }

  /** @throws KeyManagerError `ERR_KEY_MANAGER_TOKEN`, also when the key was deleted; `ERR_KEY_MANAGER_PIN` */
  async sign(data: Uint8Array): Promise<Uint8Array> {
    const { kind, sessions, name } = this.#options
    // At once: the token may be busy, and these bytes are the caller's.
    const input = kind.digest === undefined ? Uint8Array.from(data) : createHash(kind.digest).update(data).digest()
    const options = { timeoutMs: SIGN_TIMEOUT_MS, isRepeatable: true }
    const signature = await sessions.use(options, (session) => this.#sign(session, input))
    if (kind.signatureBytes !== undefined && signature.length !== kind.signatureBytes) {
      throw new KeyManagerError('ERR_KEY_MANAGER_TOKEN', `token made no signature with key "${name}"`, {
        detail: `${signature.length} bytes instead of ${kind.signatureBytes}`,
      })
    }
    return signature
  }

  async #sign(session: Session, input: Uint8Array): Promise<Uint8Array> {
    const { signMechanism } = this.#options.kind
    try {
      return await session.cryptoki.sign(session.handle, signMechanism, await this.#handle(session), input)
    } catch (error) {
      if (!(error instanceof CryptokiError) || !isHandleRefused(error)) throw error
      this.#known = undefined
      return session.cryptoki.sign(session.handle, signMechanism, await this.#handle(session), input)
    }
  }

  async #handle(session: Session): Promise<number> {
    if (this.#known?.connection === session.connection) return this.#known.handle
    const found = await this.#options.findAgain(session)
    // A name that was deleted and created anew is another key: what this one signs is believed because of its public half.
    if (found === undefined || thumbprintInput(found.publicJwk) !== thumbprintInput(this.publicJwk)) {
      throw new KeyManagerError('ERR_KEY_MANAGER_TOKEN', `token has no key "${this.#options.name}" any more`)
    }
    this.#known = found.#options.privateKey
    return this.#known.handle
  }
}

/** The key was deleted, perhaps by another process, or has another handle since the token was away. */
function isHandleRefused({ returned }: CryptokiError): boolean {
  return returned === 'CKR_KEY_HANDLE_INVALID' || returned === 'CKR_OBJECT_HANDLE_INVALID'
}
