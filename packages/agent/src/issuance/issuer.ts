import { X509Certificate } from 'node:crypto'
import type { Entry } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { decodeBase64, type SpiffeBundle, thumbprintInput } from '@countersign/protocol'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { traced } from '@countersign/telemetry'
import { AgentError } from '../agent-error.ts'
import { FairQueue } from '../fair-queue.ts'
import type { ServerClient } from '../server-client/server-client.ts'
import { type AgentObservation, UNOBSERVED } from '../telemetry/observation.ts'
import { type Cached, CredentialCache } from './credential-cache.ts'
import { isChainSignedBy, isTokenSignedBy } from './signed-by.ts'

export interface WorkloadX509Svid {
  readonly spiffeId: string
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  readonly key: NodeSigningKey
  readonly expiresAt: number
}

export interface WorkloadWitSvid {
  readonly spiffeId: string
  readonly token: string
  readonly key: NodeSigningKey
  readonly expiresAt: number
}

export interface WorkloadJwtSvid {
  readonly spiffeId: string
  readonly token: string
  readonly expiresAt: number
}

/** Kinds of credentials, each signed by authorities of its own. */
export interface AuthorityKinds {
  readonly x509: boolean
  readonly jwt: boolean
  readonly wit: boolean
}

export interface IssuerOptions {
  readonly server: ServerClient
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  readonly maxCredentials: number
  readonly observation?: AgentObservation
}

/** A program asks for what it likes, such as JWT-SVIDs for ever new audiences, but only in the name of its own entries. */
const QUEUE = { running: 128, runningPerOwner: 32, waiting: 8192, waitingPerOwner: 128, patienceMs: 10_000 }

/** The credentials of the entries that programs of this host use. Keys are made here and never leave but to the program. */
export class Issuer {
  readonly #server: ServerClient
  readonly #queue: FairQueue<string>
  readonly #observation: AgentObservation
  readonly #x509: CredentialCache<WorkloadX509Svid>
  readonly #wit: CredentialCache<WorkloadWitSvid>
  readonly #jwt: CredentialCache<WorkloadJwtSvid>

  constructor(options: IssuerOptions) {
    this.#observation = options.observation ?? UNOBSERVED
    const onFetch = this.#observation.recorder.credentialFetched
    const cache = (kind: string) => ({ ...options, maxEntries: options.maxCredentials, kind, onFetch })
    this.#server = options.server
    this.#queue = new FairQueue(QUEUE, options.clock)
    this.#x509 = new CredentialCache(cache('x509-svid'))
    this.#wit = new CredentialCache(cache('wit-svid'))
    this.#jwt = new CredentialCache(cache('jwt-svid'))
  }

  /** How many credentials of each kind are kept. */
  get sizes(): Readonly<Record<keyof AuthorityKinds, number>> {
    return { x509: this.#x509.size, jwt: this.#jwt.size, wit: this.#wit.size }
  }

  /** Whether any program could be given something without the server. */
  get hasValid(): boolean {
    return this.#x509.hasValid || this.#jwt.hasValid || this.#wit.hasValid
  }

  x509Svid(entry: Entry): Promise<Cached<WorkloadX509Svid>> {
    const key = keyOf(entry, entry.x509SvidTtl, entry.dnsNames)
    return this.#x509.get(key, () =>
      this.#fetch('x509-svid', entry, async () => {
        const signingKey = generateSigningKey('ES256')
        const { spiffeId, chain, expiresAt } = await this.#server.issueX509Svid(entry.id, signingKey.publicJwk)
        rejectOther(entry, spiffeId)
        return { spiffeId, chain: chain.map(decodeBase64), key: signingKey, expiresAt }
      }),
    )
  }

  witSvid(entry: Entry): Promise<Cached<WorkloadWitSvid>> {
    const key = keyOf(entry, entry.witTtl)
    return this.#wit.get(key, () =>
      this.#fetch('wit-svid', entry, async () => {
        const signingKey = generateSigningKey('ES256')
        const { spiffeId, token, expiresAt } = await this.#server.issueWitSvid(entry.id, signingKey.publicJwk)
        rejectOther(entry, spiffeId)
        return { spiffeId, token, key: signingKey, expiresAt }
      }),
    )
  }

  jwtSvid(entry: Entry, audience: readonly string[]): Promise<Cached<WorkloadJwtSvid>> {
    const key = keyOf(entry, entry.jwtSvidTtl, audience)
    return this.#jwt.get(key, () =>
      this.#fetch('jwt-svid', entry, async () => {
        const { spiffeId, token, expiresAt } = await this.#server.issueJwtSvid(entry.id, audience)
        rejectOther(entry, spiffeId)
        return { spiffeId, token, expiresAt }
      }),
    )
  }

  /** In turn, and as a span that the wait for the turn is part of. */
  #fetch<T>(kind: string, { id, spiffeId }: Entry, fetch: () => Promise<T>): Promise<T> {
    const attributes = {
      'countersign.credential.kind': kind,
      'countersign.entry_id': id,
      'countersign.spiffe_id': spiffeId,
    }
    return traced(this.#observation.tracing, 'credential.fetch', attributes, () => this.#queue.run(id, fetch))
  }

  /** Tells of X509-SVIDs and WIT-SVIDs that were renewed, or are to be, whose entries they are of. @returns stops telling */
  subscribe(listener: (entryIds: ReadonlySet<string>) => void): () => void {
    const tell = (keys: readonly string[]) => listener(new Set(keys.map(entryIdOf)))
    const stops = [this.#x509.subscribe(tell), this.#wit.subscribe(tell)]
    return () => {
      for (const stop of stops) stop()
    }
  }

  /**
   * Drops what was signed by an authority that is no longer trusted.
   *
   * @param kinds the kinds that lost an authority
   * @param bundle what is trusted now
   */
  forget(kinds: AuthorityKinds, bundle: SpiffeBundle): void {
    const by = signedBy(bundle)
    if (kinds.x509) this.#x509.forget((svid) => !by.x509(svid))
    if (kinds.jwt) this.#jwt.forget((svid) => !by.jwt(svid))
    if (kinds.wit) this.#wit.forget((svid) => !by.wit(svid))
  }

  /** Drops everything, whoever signed it. */
  forgetAll(): void {
    for (const cache of [this.#x509, this.#jwt, this.#wit]) cache.forget(() => true)
  }

  /** Has replaced what these keys signed: what is followed at once, the rest with its next use. */
  expedite(keys: SpiffeBundle): void {
    const by = signedBy(keys)
    this.#x509.expedite(by.x509)
    this.#jwt.expedite(by.jwt)
    this.#wit.expedite(by.wit)
  }

  /** Drops what these keys signed and nobody has asked for since it was expedited. */
  forgetUnused(keys: SpiffeBundle): void {
    const by = signedBy(keys)
    this.#x509.forgetUnused(by.x509)
    this.#jwt.forgetUnused(by.jwt)
    this.#wit.forgetUnused(by.wit)
  }

  /** How many credentials are kept that these keys signed. */
  count(keys: SpiffeBundle): number {
    const by = signedBy(keys)
    return this.#x509.count(by.x509) + this.#jwt.count(by.jwt) + this.#wit.count(by.wit)
  }
}

/** Whether a credential was signed by one of the keys of a bundle. */
function signedBy({ x509Authorities, jwtAuthorities, witAuthorities }: SpiffeBundle) {
  const roots = x509Authorities.map((der) => new X509Certificate(der))
  return {
    x509: ({ chain }: Pick<WorkloadX509Svid, 'chain'>) => isChainSignedBy(chain, roots),
    jwt: ({ token }: WorkloadJwtSvid) => isTokenSignedBy(token, jwtAuthorities),
    wit: ({ token }: WorkloadWitSvid) => isTokenSignedBy(token, witAuthorities),
  }
}

/** The private key of a WIT-SVID as the Workload API hands it out: JSON text with `alg` and `kid`. Secret. */
export function formatPrivateJwk(key: NodeSigningKey): string {
  return JSON.stringify({ ...key.exportJwk(), kid: nodeCrypto.sha256Base64url(thumbprintInput(key.publicJwk)) })
}

/** Names a credential by all that shapes it. It ends with its entry, so one for an entry that now ends sooner is another. */
function keyOf({ id, spiffeId, expiresAt }: Entry, ...shape: readonly unknown[]): string {
  return JSON.stringify([id, spiffeId, expiresAt, ...shape])
}

function entryIdOf(key: string): string {
  return (JSON.parse(key) as [string])[0]
}

function rejectOther(entry: Entry, spiffeId: string): void {
  if (spiffeId === entry.spiffeId) return
  throw new AgentError('ERR_AGENT_CREDENTIAL', 'server issued a credential for another identity', {
    detail: `asked for ${entry.spiffeId}, got ${spiffeId}`,
  })
}
