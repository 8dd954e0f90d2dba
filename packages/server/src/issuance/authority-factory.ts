import { X509Certificate } from 'node:crypto'
import type { Clock, KeyManager } from '@countersign/plugin-kit'
import {
  buildCaCertificate,
  type CryptoBackend,
  parsePublicJwk,
  randomSerial,
  type SignatureAlgorithm,
  type SigningKey,
  thumbprintInput,
} from '@countersign/protocol'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import type { Authority, AuthorityKind } from '../store/authority-store.ts'
import { BACKDATE_SECONDS } from './backdate.ts'

export interface AuthorityFactoryOptions {
  readonly keyManager: KeyManager
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly trustDomain: string
  readonly lifetimeSeconds: Readonly<Record<AuthorityKind, number>>
  /** Of keys that sign JWT-SVIDs, from the next one on. */
  readonly jwtAlgorithm: SignatureAlgorithm
  readonly gate: Pick<IssuanceGate, 'requireClock'>
}

/** Makes authorities out of keys, and finds the key of an authority again. */
export class AuthorityFactory {
  readonly #options: AuthorityFactoryOptions

  constructor(options: AuthorityFactoryOptions) {
    this.#options = options
  }

  /**
   * Makes a key and describes its public half. The key's name is the authority's id and the `kid` of its tokens.
   *
   * @throws HoldError `ERR_HOLD_CLOCK`
   */
  async create(kind: AuthorityKind): Promise<Authority> {
    const { keyManager, crypto, clock, lifetimeSeconds, jwtAlgorithm, gate } = this.#options
    gate.requireClock()
    const id = `${kind}-${Buffer.from(crypto.randomBytes(16)).toString('hex')}`
    const key = await keyManager.createKey(id, kind === 'jwt' ? jwtAlgorithm : 'ES256')
    const notBefore = clock.now()
    const notAfter = notBefore + lifetimeSeconds[kind]
    const common = { id, kind, keyName: id, state: 'prepared', notBefore, notAfter } as const
    if (kind === 'x509') return { ...common, certificate: await this.#certify(key, id, notBefore, notAfter) }
    return { ...common, publicJwk: named(key, id).publicJwk }
  }

  /** @returns as `keyOfAuthority` */
  loadKey(authority: Authority): Promise<SigningKey | undefined> {
    return keyOfAuthority(this.#options.keyManager, authority)
  }

  /** A subject of its own for every authority: verifiers that look for issuers by name find exactly one. */
  async #certify(key: SigningKey, id: string, notBefore: number, notAfter: number): Promise<Uint8Array> {
    const { crypto, trustDomain } = this.#options
    return buildCaCertificate({
      key,
      crypto,
      subject: { organization: 'Countersign', commonName: 'Workload identity authority', serialNumber: id },
      trustDomain,
      notBefore: notBefore - BACKDATE_SECONDS,
      notAfter,
      serial: randomSerial(crypto),
    })
  }
}

function named(key: SigningKey, kid: string): SigningKey {
  return { alg: key.alg, publicJwk: { ...key.publicJwk, kid }, sign: (data) => key.sign(data) }
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
