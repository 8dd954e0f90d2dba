import { X509Certificate } from 'node:crypto'
import type { Clock, KeyManager } from '@countersign/plugin-kit'
import {
  buildCaCertificate,
  buildCaRequest,
  type CryptoBackend,
  parsePublicJwk,
  randomSerial,
  type SignatureAlgorithm,
  type SigningKey,
  thumbprintInput,
} from '@countersign/protocol'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import type { AuthorityRequest } from '../store/authority-request-store.ts'
import type { Authority, AuthorityKind } from '../store/authority-store.ts'
import { BACKDATE_SECONDS } from './backdate.ts'
import { caSubject } from './ca-subject.ts'
import type { UpstreamLink } from './upstream-link.ts'

export interface AuthorityFactoryOptions {
  readonly keyManager: KeyManager
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly trustDomain: string
  readonly lifetimeSeconds: Readonly<Record<AuthorityKind, number>>
  /** Of keys that sign JWT-SVIDs, from the next one on. */
  readonly jwtAlgorithm: SignatureAlgorithm
  /** Signs certificate authorities; without it they are roots. */
  readonly upstream?: UpstreamLink | undefined
  readonly gate: Pick<IssuanceGate, 'requireClock'>
}

/** Whoever has a CA signed by hand should not have to hurry; but a key that nobody wants any more should not stay. */
const REQUEST_SECONDS = 30 * 86_400

/** Makes authorities out of keys, and finds the key of an authority again. */
export class AuthorityFactory {
  readonly #options: AuthorityFactoryOptions

  constructor(options: AuthorityFactoryOptions) {
    this.#options = options
  }

  /**
   * Makes a key and describes its public half. The key's name is the authority's id and the `kid` of its tokens.
   *
   * @throws UpstreamAuthorityError when the upstream does not sign; no key is left then
   * @throws HoldError `ERR_HOLD_CLOCK`
   */
  async create(kind: AuthorityKind): Promise<Authority> {
    const { keyManager, clock, lifetimeSeconds, jwtAlgorithm, gate } = this.#options
    gate.requireClock()
    const id = this.#newId(kind)
    const key = await keyManager.createKey(id, kind === 'jwt' ? jwtAlgorithm : 'ES256')
    const notBefore = clock.now()
    const notAfter = notBefore + lifetimeSeconds[kind]
    const common = { id, kind, keyName: id, state: 'prepared', notBefore, notAfter } as const
    if (kind !== 'x509') return { ...common, publicJwk: named(key, id).publicJwk }
    try {
      return { ...common, ...(await this.#certify(key, id, notBefore, notAfter)) }
    } catch (error) {
      await keyManager.deleteKey(id)
      throw error
    }
  }

  /** Makes the key of a certificate authority that somebody signs by hand. @throws HoldError `ERR_HOLD_CLOCK` */
  async request(): Promise<AuthorityRequest> {
    const { keyManager, crypto, clock, trustDomain, gate } = this.#options
    gate.requireClock()
    const id = this.#newId('x509')
    const key = await keyManager.createKey(id, 'ES256')
    const csr = await buildCaRequest({ key, crypto, subject: caSubject(id), trustDomain })
    const createdAt = clock.now()
    return { id, keyName: id, csr, createdAt, endsAt: createdAt + REQUEST_SECONDS }
  }

  /** @returns as `keyOfAuthority` */
  loadKey(authority: Authority): Promise<SigningKey | undefined> {
    return keyOfAuthority(this.#options.keyManager, authority)
  }

  #newId(kind: AuthorityKind): string {
    return `${kind}-${Buffer.from(this.#options.crypto.randomBytes(16)).toString('hex')}`
  }

  async #certify(key: SigningKey, id: string, notBefore: number, notAfter: number): Promise<Partial<Authority>> {
    const { crypto, trustDomain, upstream } = this.#options
    if (upstream !== undefined) return upstream.certify(key, id, notAfter - notBefore)
    const certificate = await buildCaCertificate({
      key,
      crypto,
      subject: caSubject(id),
      trustDomain,
      notBefore: notBefore - BACKDATE_SECONDS,
      notAfter,
      serial: randomSerial(crypto),
    })
    return { certificate }
  }
}

function named(key: SigningKey, kid: string): SigningKey {
  const { alg, publicJwk, signInPool } = key
  return {
    alg,
    publicJwk: { ...publicJwk, kid },
    sign: (data) => key.sign(data),
    ...(signInPool === undefined ? {} : { signInPool: (data) => signInPool.call(key, data) }),
  }
}

/** @returns `undefined` when the key manager has no such key, or another one under its name */
export async function keyOfAuthority(keyManager: KeyManager, authority: Authority): Promise<SigningKey | undefined> {
  const key = await keyManager.getKey(authority.keyName)
  if (key === undefined) return undefined
  const expected =
    authority.publicJwk ??
    (authority.certificate && new X509Certificate(authority.certificate).publicKey.export({ format: 'jwk' }))
  if (thumbprintInput(parsePublicJwk(expected)) !== thumbprintInput(key.publicJwk)) return undefined
  return named(key, authority.id)
}
