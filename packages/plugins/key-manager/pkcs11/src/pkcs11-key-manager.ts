import { createHash } from 'node:crypto'
import { isKeyName, type KeyManager, KeyManagerError, type Logger, requireKeyName } from '@countersign/plugin-kit'
import type { SignatureAlgorithm, SigningKey } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Template } from './cryptoki/attributes.ts'
import { ATTRIBUTE, OBJECT_CLASS } from './cryptoki/constants.ts'
import type { KeyPair } from './cryptoki/cryptoki.ts'
import { algorithmOf, type KeyAlgorithm, type KeyKind, keyKinds, requireKeyKind } from './key-kinds.ts'
import { TokenKey } from './token-key.ts'
import { type Session, TokenSessions, type TokenSessionsOptions } from './token-sessions.ts'
import { Turns } from './turns.ts'

export interface Pkcs11KeyManagerOptions extends TokenSessionsOptions {
  /** Keys of others in the same token are not seen. */
  readonly trustDomain: string
  readonly rsaBits: number
}

const CALL_TIMEOUT_MS = 10_000
/** Some tokens search for primes for as long as that. */
const GENERATE_TIMEOUT_MS = 120_000
const ID_BYTES = 20
const MAX_WAITING = 256
const PROBE = new TextEncoder().encode('countersign: does the public key belong to the private one?')

/** Keys that never leave a token. */
export class Pkcs11KeyManager implements KeyManager {
  readonly isShared = true
  readonly #log: Logger
  readonly #trustDomain: string
  readonly #sessions: TokenSessions
  readonly #kinds: Readonly<Record<KeyAlgorithm, KeyKind>>
  /**
   * One change of the token at a time: some fail when two are under way, SoftHSM among them, and a server makes few. It also
   * keeps this process from racing itself for a name.
   */
  readonly #changes = new Turns(1, MAX_WAITING)

  /** Opens nothing: the first call does. */
  constructor(options: Pkcs11KeyManagerOptions) {
    this.#log = options.log
    this.#trustDomain = options.trustDomain
    this.#sessions = new TokenSessions(options)
    this.#kinds = keyKinds(options.rsaBits)
  }

  async createKey(name: string, alg: SignatureAlgorithm): Promise<SigningKey> {
    requireKeyName(name)
    const kind = requireKeyKind(this.#kinds, alg)
    const options = { timeoutMs: GENERATE_TIMEOUT_MS, isRepeatable: false }
    const key = await this.#change(async () => {
      // Asked first by itself: it finds out whether the token is there, and may be asked again when it was away.
      if ((await this.#find(name)).length > 0) throw exists(name)
      return this.#sessions.use(options, (session) => this.#generate(session, name, kind))
    })
    this.#log.info({ key: name, alg }, 'signing key created')
    return key
  }

  async getKey(name: string): Promise<SigningKey | undefined> {
    requireKeyName(name)
    return this.#use((session) => this.#read(session, name))
  }

  async listKeys(): Promise<readonly string[]> {
    return this.#use(async (session) => {
      const names = new Set<string>()
      for (const objectClass of [OBJECT_CLASS.PRIVATE_KEY, OBJECT_CLASS.PUBLIC_KEY]) {
        for (const object of await session.cryptoki.find(session.handle, [[ATTRIBUTE.CLASS, objectClass]])) {
          const name = await this.#nameOf(session, object)
          if (name !== undefined) names.add(name)
        }
      }
      return [...names].sort()
    })
  }

  async deleteKey(name: string): Promise<void> {
    requireKeyName(name)
    const remove = async (session: Session) => {
      // The private key first: whatever comes between, nothing can be signed.
      for (const objectClass of [OBJECT_CLASS.PRIVATE_KEY, OBJECT_CLASS.PUBLIC_KEY]) {
        const found = await session.cryptoki.find(session.handle, this.#template(name, objectClass))
        for (const object of found) await session.cryptoki.destroy(session.handle, object)
      }
    }
    await this.#change(() => this.#use(remove))
    this.#log.info({ key: name }, 'signing key deleted')
  }

  close(): Promise<void> {
    return this.#sessions.close()
  }

  async #change<T>(change: () => Promise<T>): Promise<T> {
    if ((await this.#changes.begin()) !== 'begun') {
      throw new KeyManagerError('ERR_KEY_MANAGER_TOKEN', 'too many changes wait for the token')
    }
    try {
      return await change()
    } finally {
      this.#changes.end()
    }
  }

  #use<T>(job: (session: Session) => Promise<T>): Promise<T> {
    return this.#sessions.use({ timeoutMs: CALL_TIMEOUT_MS, isRepeatable: true }, job)
  }

  #find(name: string): Promise<number[]> {
    return this.#use((session) => session.cryptoki.find(session.handle, [[ATTRIBUTE.ID, this.#id(name)]]))
  }

  async #generate(session: Session, name: string, kind: KeyKind): Promise<SigningKey> {
    const { cryptoki, handle } = session
    const common = [
      [ATTRIBUTE.TOKEN, true],
      [ATTRIBUTE.LABEL, Buffer.from(name)],
      [ATTRIBUTE.ID, this.#id(name)],
    ] as const
    const pair = await cryptoki.generateKeyPair(
      handle,
      kind.generateMechanism,
      [...common, [ATTRIBUTE.VERIFY, true], ...kind.publicTemplate],
      [
        ...common,
        [ATTRIBUTE.PRIVATE, true],
        [ATTRIBUTE.SENSITIVE, true],
        [ATTRIBUTE.EXTRACTABLE, false],
        [ATTRIBUTE.SIGN, true],
        [ATTRIBUTE.DECRYPT, false],
        [ATTRIBUTE.UNWRAP, false],
        [ATTRIBUTE.DERIVE, false],
      ],
    )
    try {
      await this.#requireAlone(session, name)
      const key = await this.#open(session, name, pair)
      await requireSigns(session, name, kind, key, pair)
      return key
    } catch (error) {
      for (const object of [pair.privateKey, pair.publicKey]) await cryptoki.destroy(handle, object).catch(() => {})
      throw error
    }
  }

  /**
   * Tokens keep any number of objects of one name. Of two processes that create a name at the same time each therefore looks
   * once its own key is there. One that does not see the other yet, as may happen, leaves a name that `getKey` refuses.
   */
  async #requireAlone({ cryptoki, handle }: Session, name: string): Promise<void> {
    const found = await cryptoki.find(handle, this.#template(name, OBJECT_CLASS.PRIVATE_KEY))
    if (found.length > 1) throw exists(name)
  }

  async #read(session: Session, name: string): Promise<TokenKey | undefined> {
    const { cryptoki, handle } = session
    const [privateKey, ...more] = await cryptoki.find(handle, this.#template(name, OBJECT_CLASS.PRIVATE_KEY))
    const [publicKey] = await cryptoki.find(handle, this.#template(name, OBJECT_CLASS.PUBLIC_KEY))
    // Half a pair is what a crash leaves of a key that nobody was given.
    if (privateKey === undefined || publicKey === undefined) return undefined
    if (more.length > 0) throw corrupt(name, 'is there more than once')
    return this.#open(session, name, { privateKey, publicKey })
  }

  async #open(session: Session, name: string, pair: KeyPair): Promise<TokenKey> {
    const { cryptoki, handle, connection } = session
    const { privateKey, publicKey } = pair
    const flags = await cryptoki.attributes(handle, privateKey, [ATTRIBUTE.SENSITIVE, ATTRIBUTE.EXTRACTABLE])
    const [sensitive, extractable] = flags.map((value) => value[0])
    if (sensitive !== 1 || extractable !== 0) throw corrupt(name, 'could be taken out of the token')
    const kind = await this.#kindOf(session, publicKey)
    if (kind === undefined) throw corrupt(name, 'is of no known kind')
    return new TokenKey({
      name,
      kind,
      publicJwk: await readPublicJwk(session, name, kind, publicKey),
      sessions: this.#sessions,
      privateKey: { connection, handle: privateKey },
      findAgain: (other) => this.#read(other, name),
    })
  }

  async #kindOf({ cryptoki, handle }: Session, publicKey: number): Promise<KeyKind | undefined> {
    const [type] = await cryptoki.attributes(handle, publicKey, [ATTRIBUTE.KEY_TYPE])
    const keyType = type?.readUInt32LE() ?? -1
    const isRsa = algorithmOf(keyType, new Uint8Array()) === 'RS256'
    const [params] = isRsa ? [] : await cryptoki.attributes(handle, publicKey, [ATTRIBUTE.EC_PARAMS])
    const alg = algorithmOf(keyType, params ?? new Uint8Array())
    return alg && this.#kinds[alg]
  }

  /** @returns `undefined` when it is not a key of this trust domain */
  async #nameOf({ cryptoki, handle }: Session, object: number): Promise<string | undefined> {
    const [label = '', id = Buffer.alloc(0)] = await cryptoki.attributes(handle, object, [
      ATTRIBUTE.LABEL,
      ATTRIBUTE.ID,
    ])
    const name = label.toString()
    return isKeyName(name) && id.equals(this.#id(name)) ? name : undefined
  }

  #template(name: string, objectClass: number): Template {
    return [
      [ATTRIBUTE.CLASS, objectClass],
      [ATTRIBUTE.ID, this.#id(name)],
    ]
  }

  /** CKA_ID says whose key it is; the label is for people. */
  #id(name: string): Buffer {
    const text = `countersign key\n${this.#trustDomain}\n${name}`
    return createHash('sha256').update(text).digest().subarray(0, ID_BYTES)
  }
}

async function readPublicJwk(session: Session, name: string, kind: KeyKind, publicKey: number) {
  const values = await session.cryptoki.attributes(session.handle, publicKey, kind.publicAttributes)
  try {
    return kind.toJwk(values)
  } catch (cause) {
    throw corrupt(name, 'has no usable public key', cause)
  }
}

/** Everything that is signed later is believed because of this public key. */
async function requireSigns(session: Session, name: string, kind: KeyKind, key: SigningKey, pair: KeyPair) {
  const input = kind.digest === undefined ? PROBE : createHash(kind.digest).update(PROBE).digest()
  const signature = await session.cryptoki.sign(session.handle, kind.signMechanism, pair.privateKey, input)
  const verifier = nodeCrypto.importPublicJwk(key.publicJwk, key.alg)
  if (!verifier.verify(PROBE, signature)) throw corrupt(name, 'makes signatures that do not verify')
}

function exists(name: string): KeyManagerError {
  return new KeyManagerError('ERR_KEY_MANAGER_EXISTS', `key "${name}" exists`)
}

function corrupt(name: string, problem: string, cause?: unknown): KeyManagerError {
  return new KeyManagerError('ERR_KEY_MANAGER_CORRUPT', `key "${name}" in the token ${problem}`, { cause })
}
