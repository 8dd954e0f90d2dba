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
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface WorkloadWitSvid {
  readonly spiffeId: string
  readonly token: string
  readonly key: NodeSigningKey
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface WorkloadJwtSvid {
  readonly spiffeId: string
  readonly token: string
  readonly issuedAt: number
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
  /** Of each kind. */
  readonly maxCredentials: number
  readonly observation?: AgentObservation
}

/** Kept credentials of each kind. */
export interface CredentialCaches {
  readonly x509: CredentialCache<WorkloadX509Svid>
  readonly wit: CredentialCache<WorkloadWitSvid>
  readonly jwt: CredentialCache<WorkloadJwtSvid>
}

/** @param shape what follows entry and SPIFFE ID in the key */
type Fetch<Credential> = (entryId: string, shape: readonly unknown[]) => Promise<Credential>

/** A program asks for what it likes, such as JWT-SVIDs for ever new audiences, but only in the name of its own entries. */
const QUEUE = { running: 128, runningPerOwner: 32, waiting: 8192, waitingPerOwner: 128, patienceMs: 10_000 }

/** The credentials of the entries that programs of this host use. Keys are made here and never leave but to the program. */
export class Issuer {
  readonly #server: ServerClient
  readonly #queue: FairQueue<string>
  readonly #observation: AgentObservation
  /** For what outlives a run. */
  readonly caches: CredentialCaches
  readonly #changeListeners = new Set<() => void>()

  constructor(options: IssuerOptions) {
    this.#observation = options.observation ?? UNOBSERVED
    const onFetch = this.#observation.recorder.credentialFetched
    const onChange = () => {
      for (const listener of this.#changeListeners) listener()
    }
    const cache = <Credential extends { readonly spiffeId: string }>(kind: string, fetch: Fetch<Credential>) => ({
      ...{ ...options, maxEntries: options.maxCredentials, kind, onFetch, onChange },
      fetch: (key: string) => this.#fetch(kind, key, fetch),
    })
    this.#server = options.server
    this.#queue = new FairQueue(QUEUE, options.clock)
    this.caches = {
      x509: new CredentialCache(cache('x509-svid', this.#fetchX509Svid)),
      wit: new CredentialCache(cache('wit-svid', this.#fetchWitSvid)),
      jwt: new CredentialCache(cache('jwt-svid', this.#fetchJwtSvid)),
    }
  }

  /** How many credentials of each kind are kept. */
  get sizes(): Readonly<Record<keyof AuthorityKinds, number>> {
    const { x509, jwt, wit } = this.caches
    return { x509: x509.size, jwt: jwt.size, wit: wit.size }
  }

  /** Whether any program could be given something without the server. */
  get hasValid(): boolean {
    const { x509, jwt, wit } = this.caches
    return x509.hasValid || jwt.hasValid || wit.hasValid
  }

  x509Svid(entry: Entry): Promise<Cached<WorkloadX509Svid>> {
    return this.caches.x509.get(keyOf(entry, entry.x509SvidTtl, entry.dnsNames))
  }

  witSvid(entry: Entry): Promise<Cached<WorkloadWitSvid>> {
    return this.caches.wit.get(keyOf(entry, entry.witTtl))
  }

  jwtSvid(entry: Entry, audience: readonly string[]): Promise<Cached<WorkloadJwtSvid>> {
    return this.caches.jwt.get(keyOf(entry, entry.jwtSvidTtl, audience))
  }

  /** Renews what is due and in use. To be called every few seconds. */
  tend(): void {
    for (const cache of this.#all) cache.tend()
  }

  /** The clock was set, or the machine slept: {@link CredentialCache.shift}. */
  shift(seconds: number): void {
    for (const cache of this.#all) cache.shift(seconds)
  }

  /** Drops what belongs to entries that this host no longer has. */
  keepEntries(entryIds: ReadonlySet<string>): void {
    for (const cache of this.#all) cache.keep((key) => entryIds.has(entryIdOf(key)))
  }

  /** Tells when other credentials are kept than before. @returns stops telling */
  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener)
    return () => this.#changeListeners.delete(listener)
  }

  get #all(): readonly Pick<CredentialCache<WorkloadJwtSvid>, 'tend' | 'shift' | 'keep'>[] {
    return [this.caches.x509, this.caches.wit, this.caches.jwt]
  }

  /** In turn, and as a span that the wait for the turn is part of. */
  #fetch<Credential extends { readonly spiffeId: string }>(
    kind: string,
    key: string,
    fetch: Fetch<Credential>,
  ): Promise<Credential> {
    const [entryId, spiffeId, ...shape] = JSON.parse(key) as [string, string, ...unknown[]]
    const attributes = {
      'countersign.credential.kind': kind,
      'countersign.entry_id': entryId,
      'countersign.spiffe_id': spiffeId,
    }
    const inTurn = () =>
      this.#queue.run(entryId, async () => {
        const credential = await fetch(entryId, shape)
        if (credential.spiffeId === spiffeId) return credential
        throw new AgentError('ERR_AGENT_CREDENTIAL', 'server issued a credential for another identity', {
          detail: `asked for ${spiffeId}, got ${credential.spiffeId}`,
        })
      })
    return traced(this.#observation.tracing, 'credential.fetch', attributes, inTurn)
  }

  readonly #fetchX509Svid = async (entryId: string): Promise<WorkloadX509Svid> => {
    const key = generateSigningKey('ES256')
    const { spiffeId, chain, expiresAt } = await this.#server.issueX509Svid(entryId, key.publicJwk)
    const certificates = chain.map(decodeBase64)
    return { spiffeId, chain: certificates, key, issuedAt: readNotBefore(certificates[0], expiresAt), expiresAt }
  }

  readonly #fetchWitSvid = async (entryId: string): Promise<WorkloadWitSvid> => {
    const key = generateSigningKey('ES256')
    const { spiffeId, token, issuedAt, expiresAt } = await this.#server.issueWitSvid(entryId, key.publicJwk)
    return { spiffeId, token, key, issuedAt, expiresAt }
  }

  readonly #fetchJwtSvid = async (entryId: string, [, audience]: readonly unknown[]): Promise<WorkloadJwtSvid> => {
    const { spiffeId, token, issuedAt, expiresAt } = await this.#server.issueJwtSvid(entryId, audience as string[])
    return { spiffeId, token, issuedAt, expiresAt }
  }

  /** Tells of X509-SVIDs and WIT-SVIDs that were renewed, or are to be, whose entries they are of. @returns stops telling */
  subscribe(listener: (entryIds: ReadonlySet<string>) => void): () => void {
    const tell = (keys: readonly string[]) => listener(new Set(keys.map(entryIdOf)))
    const stops = [this.caches.x509.subscribe(tell), this.caches.wit.subscribe(tell)]
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
    if (kinds.x509) this.caches.x509.forget((svid) => !by.x509(svid))
    if (kinds.jwt) this.caches.jwt.forget((svid) => !by.jwt(svid))
    if (kinds.wit) this.caches.wit.forget((svid) => !by.wit(svid))
  }

  /** Drops everything, whoever signed it. */
  forgetAll(): void {
    const { x509, wit, jwt } = this.caches
    for (const cache of [x509, wit, jwt]) cache.forget(() => true)
  }

  /** Has replaced what these keys signed: what is followed at once, the rest with its next use. */
  expedite(keys: SpiffeBundle): void {
    const by = signedBy(keys)
    this.caches.x509.expedite(by.x509)
    this.caches.jwt.expedite(by.jwt)
    this.caches.wit.expedite(by.wit)
  }

  /** Drops what these keys signed and nobody has asked for since it was expedited. */
  forgetUnused(keys: SpiffeBundle): void {
    const by = signedBy(keys)
    this.caches.x509.forgetUnused(by.x509)
    this.caches.jwt.forgetUnused(by.jwt)
    this.caches.wit.forgetUnused(by.wit)
  }

  /** How many credentials are kept that these keys signed. */
  count(keys: SpiffeBundle): number {
    const by = signedBy(keys)
    return this.caches.x509.count(by.x509) + this.caches.jwt.count(by.jwt) + this.caches.wit.count(by.wit)
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
  return JSON.stringify([id, spiffeId, ...shape, expiresAt])
}

function entryIdOf(key: string): string {
  return (JSON.parse(key) as [string])[0]
}

/** A certificate that cannot be read counts as one that ends when it begins. */
function readNotBefore(der: Uint8Array | undefined, otherwise: number): number {
  try {
    return der === undefined ? otherwise : new X509Certificate(der).validFromDate.getTime() / 1000
  } catch {
    return otherwise
  }
}
