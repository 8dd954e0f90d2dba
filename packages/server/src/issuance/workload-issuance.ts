import type {
  Entry,
  JwtSvidRequest,
  JwtSvidResponse,
  WitSvidRequest,
  WitSvidResponse,
  X509SvidRequest,
  X509SvidResponse,
} from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import { errorCode, parsePublicJwk, thumbprintInput } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import type { EntryDirectory } from '../registration/entry-directory.ts'
import { fromRecord } from '../registration/entry-record.ts'
import type { CertificateStore } from '../store/certificate-store.ts'
import { EntitlementError } from './entitlement-error.ts'
import type { IssuanceRate } from './issuance-rate.ts'
import type { SvidIssuer } from './svid-issuer.ts'

export interface WorkloadIssuanceOptions {
  readonly directory: Pick<EntryDirectory, 'find'>
  readonly issuer: SvidIssuer
  readonly certificates: CertificateStore
  readonly rate: IssuanceRate
  readonly audit: Audit
  readonly clock: Clock
  /** For entries that name none. Seconds. */
  readonly defaultTtlSeconds: { readonly x509: number; readonly jwt: number; readonly wit: number }
}

/** Credentials of workloads, for the agent on whose node they run. */
export class WorkloadIssuance {
  readonly #options: WorkloadIssuanceOptions

  constructor(options: WorkloadIssuanceOptions) {
    this.#options = options
  }

  /**
   * All or none.
   *
   * @throws EntitlementError `ERR_ENTITLEMENT_ENTRY` when an entry is not this agent's, is over or not there
   * @throws EntitlementError `ERR_ENTITLEMENT_KEY_REUSED` when one key is named for two identities
   * @throws NodeError `ERR_NODE_BANNED`, `ERR_NODE_UNKNOWN` when that changed since the request was admitted
   * @throws RateError `ERR_RATE_ISSUANCE` when the agent has had more than its share
   * @throws StoreError `ERR_STORE_UNWRITABLE`: what cannot be recorded cannot be revoked
   */
  async issueX509(agentId: string, { requests }: X509SvidRequest): Promise<X509SvidResponse> {
    const { issuer, certificates, defaultTtlSeconds, rate } = this.#options
    rate.take(agentId, requests.length)
    const granted = this.#requireEntries(agentId, requests)
    const svids = await Promise.all(
      granted.map(async ({ entry, publicKey }) => {
        const { serial, authorityId, ...credential } = await issuer.issueX509({
          kind: 'x509-svid',
          spiffeId: entry.spiffeId,
          publicKey,
          ttlSeconds: entry.x509SvidTtl ?? defaultTtlSeconds.x509,
          endsAt: entry.expiresAt,
          dnsNames: entry.dnsNames,
          agentId,
          entryId: entry.id,
        })
        const { expiresAt } = credential
        return { answer: { entryId: entry.id, credential }, record: { serial, authorityId, expiresAt } }
      }),
    )
    // Nothing leaves that could not be revoked later, and nothing for a node that was banned meanwhile.
    const records = svids.map(({ record }) => record)
    await certificates.record(agentId, records)
    return { svids: svids.map(({ answer }) => answer) }
  }

  /** All or none. @throws as `issueX509` */
  async issueWit(agentId: string, { requests }: WitSvidRequest): Promise<WitSvidResponse> {
    const { issuer, defaultTtlSeconds, rate } = this.#options
    rate.take(agentId, requests.length)
    const granted = this.#requireEntries(agentId, requests)
    const svids = await Promise.all(
      granted.map(async ({ entry, publicKey }) => ({
        entryId: entry.id,
        wit: await issuer.issueWit({
          spiffeId: entry.spiffeId,
          publicKey,
          ttlSeconds: entry.witTtl ?? defaultTtlSeconds.wit,
          endsAt: entry.expiresAt,
          agentId,
          entryId: entry.id,
        }),
      })),
    )
    return { svids }
  }

  /** @throws EntitlementError `ERR_ENTITLEMENT_ENTRY`; RateError `ERR_RATE_ISSUANCE` */
  async issueJwt(agentId: string, { entryId, audience }: JwtSvidRequest): Promise<JwtSvidResponse> {
    const { issuer, defaultTtlSeconds, rate } = this.#options
    rate.take(agentId, 1)
    const entry = this.#requireEntry(agentId, entryId)
    const jwt = await issuer.issueJwt({
      spiffeId: entry.spiffeId,
      audience,
      ttlSeconds: entry.jwtSvidTtl ?? defaultTtlSeconds.jwt,
      endsAt: entry.expiresAt,
      agentId,
      entryId,
    })
    return { jwt }
  }

  #requireEntries(agentId: string, requests: X509SvidRequest['requests']) {
    const granted: { entry: Entry; publicKey: unknown }[] = []
    const keys = new Map<string, string>()
    for (const { entryId, publicKey } of requests) {
      const entry = this.#requireEntry(agentId, entryId)
      // One identity for each key: else a proof by that key would prove either.
      const thumbprint = thumbprintInput(parsePublicJwk(publicKey))
      const holder = keys.get(thumbprint) ?? entry.spiffeId
      if (holder !== entry.spiffeId) {
        throw new EntitlementError('ERR_ENTITLEMENT_KEY_REUSED', 'one key must not be used for two identities')
      }
      keys.set(thumbprint, holder)
      granted.push({ entry, publicKey })
    }
    return granted
  }

  /** Says the same of an entry that is not there and one of another agent: an agent cannot probe for others' entries. */
  #requireEntry(agentId: string, entryId: string): Entry {
    const { directory, clock, audit } = this.#options
    const record = directory.find(agentId, entryId, clock.now())
    if (record === undefined) {
      const error = new EntitlementError('ERR_ENTITLEMENT_ENTRY', 'no such entry belongs to this agent')
      audit.credentialRefused({ agentId, entryId, code: errorCode(error) ?? '' })
      throw error
    }
    return fromRecord(record)
  }
}
