import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import type { SigningKey } from '../keys/crypto-backend.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { decodePrivatePem, requirePkcs8Fit, unreadable } from './private-key-source.ts'
import { WEB_SIGNATURE_SCHEMES } from './signature-schemes.ts'
import { checkedPublicJwk, importVerificationKey, lackingRuntime } from './web-crypto.ts'
import { isUnsupportedByRuntime, runtimeCrypto, type WebKey, type WebKeyPair } from './web-crypto-api.ts'

/** A private key as JSON: the public members and `d` (and for RSA the rest of RFC 7518 section 6.3.2). */
export type PrivateJwk = PublicJwk & { readonly d: string }

/** Where an existing private key comes from. PEM must hold PKCS#8. */
export type SigningKeySource = { readonly pkcs8: Uint8Array } | { readonly pem: string } | { readonly jwk: object }

export interface SigningKeyOptions {
  /** Put into `publicJwk` and so into the header of what the key signs. */
  readonly kid?: string
  /** Whether the private key may be read out again. Default `false`: not even this program can lose it then. */
  readonly extractable?: boolean
}

/** Members of RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const

/** What one key signs and checks once, to see whether its two halves belong together. */
const PROBE = Uint8Array.of(1, 2, 3)

/** A private key held by the runtime. Its text form shows nothing secret. */
export class WebSigningKey implements SigningKey {
  readonly alg: SignatureAlgorithm
  readonly publicJwk: PublicJwk
  readonly #key: WebKey

  /** @param publicJwk the public half, checked */
  constructor(key: WebKey, publicJwk: PublicJwk, alg: SignatureAlgorithm, options: SigningKeyOptions = {}) {
    const { kid: _kid, use: _use, alg: _alg, ...members } = publicJwk
    this.alg = alg
    this.publicJwk = Object.freeze({ ...members, alg, ...(options.kid === undefined ? {} : { kid: options.kid }) })
    this.#key = key
  }

  async sign(data: Uint8Array): Promise<Uint8Array> {
    const { signature } = WEB_SIGNATURE_SCHEMES[this.alg]
    return new Uint8Array(await runtimeCrypto().subtle.sign(signature, this.#key, data))
  }

  /** Unencrypted PKCS#8, DER. Secret. Rejects, as the runtime does, for a key that was not made `extractable`. */
  async exportPkcs8(): Promise<Uint8Array> {
    return new Uint8Array((await runtimeCrypto().subtle.exportKey('pkcs8', this.#key)) as ArrayBuffer)
  }

  /** Secret. Rejects, as the runtime does, for a key that was not made `extractable`. */
  async exportJwk(): Promise<PrivateJwk> {
    const exported = (await runtimeCrypto().subtle.exportKey('jwk', this.#key)) as object
    return { ...privateMembers(exported), ...this.publicJwk } as PrivateJwk
  }
}

/**
 * Makes a new key pair of the kind the algorithm needs.
 *
 * @throws KeyError `ERR_KEY_RUNTIME` when the runtime lacks the algorithm
 */
export async function generateSigningKey(alg: SignatureAlgorithm, options?: SigningKeyOptions): Promise<WebSigningKey> {
  const { subtle } = runtimeCrypto()
  const { generation } = WEB_SIGNATURE_SCHEMES[alg]
  try {
    const pair = await subtle.generateKey(generation, options?.extractable === true, ['sign', 'verify'])
    const { publicKey, privateKey } = pair as WebKeyPair
    return new WebSigningKey(privateKey, publicOf(await subtle.exportKey('jwk', publicKey), alg), alg, options)
  } catch (error) {
    if (isUnsupportedByRuntime(error)) throw lackingRuntime(alg, error)
    throw error
  }
}

/**
 * Reads a private key. No message quotes the input.
 *
 * @throws KeyError `ERR_KEY_MALFORMED`, `ERR_KEY_UNSUPPORTED`, `ERR_KEY_WEAK`, `ERR_KEY_ALGORITHM_MISMATCH`,
 *   `ERR_KEY_RUNTIME`
 */
export async function importSigningKey(
  source: SigningKeySource,
  alg: SignatureAlgorithm,
  options?: SigningKeyOptions,
): Promise<WebSigningKey> {
  const jwk = 'jwk' in source ? source.jwk : await jwkOfPkcs8(source, alg)
  const publicJwk = publicOf(jwk, alg)
  const { kty, crv, x, y, n, e } = publicJwk
  const members = { ...dropUndefined({ kty, crv, x, y, n, e }), ...privateMembers(jwk) }
  const key = new WebSigningKey(
    await importPrivate('jwk', members, alg, options?.extractable === true),
    publicJwk,
    alg,
    options,
  )
  await requirePair(key)
  return key
}

/** With a public half of another key, everything would be signed for somebody else's name. */
async function requirePair(key: WebSigningKey): Promise<void> {
  const verifier = await importVerificationKey(key.publicJwk, key.alg)
  const signature = await key.sign(PROBE).catch(() => {
    throw unreadable()
  })
  if (!(await verifier.verify(PROBE, signature))) throw unreadable()
}

/** By way of a key that can be read out: there is no other way to its public half. */
async function jwkOfPkcs8(
  source: { readonly pkcs8: Uint8Array } | { readonly pem: string },
  alg: SignatureAlgorithm,
): Promise<object> {
  const pkcs8 = 'pkcs8' in source ? source.pkcs8 : decodePrivatePem(source.pem)
  requirePkcs8Fit(pkcs8, alg)
  const key = await importPrivate('pkcs8', pkcs8, alg, true)
  return (await runtimeCrypto().subtle.exportKey('jwk', key)) as object
}

async function importPrivate(
  format: 'jwk' | 'pkcs8',
  data: object,
  alg: SignatureAlgorithm,
  extractable: boolean,
): Promise<WebKey> {
  const { subtle } = runtimeCrypto()
  try {
    return await subtle.importKey(format, data, WEB_SIGNATURE_SCHEMES[alg].key, extractable, ['sign'])
  } catch (error) {
    if (isUnsupportedByRuntime(error)) throw lackingRuntime(alg, error)
    throw unreadable()
  }
}

/** @throws KeyError `ERR_KEY_*` as for any public key */
function publicOf(jwk: unknown, alg: SignatureAlgorithm): PublicJwk {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) throw unreadable()
  const {
    key_ops: _operations,
    alg: _alg,
    use: _use,
    kid: _kid,
    ext: _ext,
    ...members
  } = jwk as Record<string, unknown>
  for (const name of PRIVATE_MEMBERS) delete members[name]
  return checkedPublicJwk(members as unknown as PublicJwk, alg)
}

/** @throws KeyError `ERR_KEY_MALFORMED` for a key without its private half */
function privateMembers(jwk: object): object {
  const members = Object.fromEntries(
    Object.entries(jwk).filter(([name]) => (PRIVATE_MEMBERS as readonly string[]).includes(name)),
  )
  if (typeof members['d'] !== 'string') throw unreadable()
  return members
}

function dropUndefined(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
