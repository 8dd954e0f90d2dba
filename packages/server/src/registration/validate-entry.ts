/** What an entry must be before it is stored. */
import type { NewEntry, Selector } from '@countersign/api'
import { errorCode, parseTrustDomain, WorkloadId } from '@countersign/protocol'
import { isDnsName } from './dns-name.ts'
import { EntryError, type EntryErrorCode } from './entry-error.ts'
import { AGENT_PATH, isReserved, kindOfParent, RESERVED_PATH } from './entry-parent.ts'

const MAX_HINT_BYTES = 1024

export interface EntryRules {
  readonly trustDomain: string
  readonly now: number
  /** Longest lifetime that can be honoured: that of the key that signs. Seconds. */
  readonly maxTtlSeconds: { readonly x509: number; readonly jwt: number; readonly wit: number }
}

/**
 * Checks an entry whose shape was checked already. A federated trust domain need not be known: an entry never waits for
 * a partner's endpoint.
 *
 * @throws EntryError `ERR_ENTRY_IDENTIFIER` unless `spiffeId` is a workload of the own trust domain
 * @throws EntryError `ERR_ENTRY_RESERVED` below `/countersign`
 * @throws EntryError `ERR_ENTRY_PARENT` unless `parentId` is the server, or can be an agent or an alias, of the own trust
 *   domain; whether the alias is there is asked when the entry is stored
 * @throws EntryError `ERR_ENTRY_ALIAS` when a node alias has a field that only credentials could honour
 * @throws EntryError `ERR_ENTRY_SELECTORS`, `ERR_ENTRY_DNS_NAME`, `ERR_ENTRY_FEDERATION`, `ERR_ENTRY_HINT`,
 *   `ERR_ENTRY_TTL`, `ERR_ENTRY_EXPIRED`
 */
export function validateEntry(entry: NewEntry, rules: EntryRules): void {
  const id = parseOwnId(entry.spiffeId, rules.trustDomain, 'spiffeId', 'ERR_ENTRY_IDENTIFIER')
  if (isReserved(id.path)) {
    throw new EntryError('ERR_ENTRY_RESERVED', `spiffeId: paths below ${RESERVED_PATH} are reserved`)
  }
  const parent = parseOwnId(entry.parentId, rules.trustDomain, 'parentId', 'ERR_ENTRY_PARENT')
  const kind = kindOfParent(parent.path)
  if (kind === undefined) {
    throw new EntryError('ERR_ENTRY_PARENT', `parentId: an agent's identifier has a path below ${AGENT_PATH}`)
  }
  if (kind === 'server') rejectFieldsOfPrograms(entry)
  rejectRepeatedSelectors(entry.selectors)
  rejectDnsNames(entry.dnsNames ?? [])
  rejectFederation(entry.federatesWith ?? [], rules.trustDomain)
  if (entry.hint !== undefined && Buffer.byteLength(entry.hint) > MAX_HINT_BYTES) {
    throw new EntryError('ERR_ENTRY_HINT', `hint is longer than ${MAX_HINT_BYTES} bytes`)
  }
  rejectTtl('x509SvidTtl', entry.x509SvidTtl, rules.maxTtlSeconds.x509)
  rejectTtl('jwtSvidTtl', entry.jwtSvidTtl, rules.maxTtlSeconds.jwt)
  rejectTtl('witTtl', entry.witTtl, rules.maxTtlSeconds.wit)
  if (entry.expiresAt !== undefined && entry.expiresAt <= rules.now) {
    throw new EntryError('ERR_ENTRY_EXPIRED', 'expiresAt is not in the future')
  }
}

function parseOwnId(text: string, trustDomain: string, field: string, code: EntryErrorCode): WorkloadId {
  let id: WorkloadId
  try {
    id = WorkloadId.parse(text)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new EntryError(code, `${field}: ${(cause as Error).message}`, { cause })
  }
  // The scheme is part of it: the same name under another scheme is another domain.
  if (id.origin !== `spiffe://${trustDomain}`) {
    throw new EntryError(code, `${field}: identifier is not in this server's trust domain`)
  }
  return id
}

const FIELDS_OF_PROGRAMS = [
  'x509SvidTtl',
  'jwtSvidTtl',
  'witTtl',
  'dnsNames',
  'hint',
  'admin',
  'downstream',
  'federatesWith',
] as const satisfies readonly (keyof NewEntry)[]

/** Nothing is issued in an alias's name. Whoever set such a field would believe that it is. */
function rejectFieldsOfPrograms(entry: NewEntry): void {
  const given = FIELDS_OF_PROGRAMS.find((field) => entry[field] !== undefined)
  if (given !== undefined) {
    throw new EntryError('ERR_ENTRY_ALIAS', `${given}: a node alias has an identifier, selectors and an end only`)
  }
}

function rejectRepeatedSelectors(selectors: readonly Selector[]): void {
  const distinct = new Set(selectors.map(({ type, value }) => JSON.stringify([type, value])))
  if (distinct.size !== selectors.length) {
    throw new EntryError('ERR_ENTRY_SELECTORS', 'selectors: one is given twice')
  }
}

function rejectDnsNames(names: readonly string[]): void {
  if (!names.every(isDnsName)) {
    throw new EntryError('ERR_ENTRY_DNS_NAME', 'dnsNames: one is not a lower-case DNS name')
  }
  if (new Set(names).size !== names.length) {
    throw new EntryError('ERR_ENTRY_DNS_NAME', 'dnsNames: one is given twice')
  }
}

function rejectFederation(trustDomains: readonly string[], own: string): void {
  for (const trustDomain of trustDomains) {
    try {
      parseTrustDomain(trustDomain)
    } catch (cause) {
      if (errorCode(cause) === undefined) throw cause
      throw new EntryError('ERR_ENTRY_FEDERATION', `federatesWith: ${(cause as Error).message}`, { cause })
    }
  }
  if (trustDomains.includes(own)) {
    throw new EntryError('ERR_ENTRY_FEDERATION', 'federatesWith: the own trust domain is always included')
  }
  if (new Set(trustDomains).size !== trustDomains.length) {
    throw new EntryError('ERR_ENTRY_FEDERATION', 'federatesWith: one is given twice')
  }
}

function rejectTtl(field: string, ttl: number | undefined, max: number): void {
  if (ttl !== undefined && ttl > max) {
    throw new EntryError(
      'ERR_ENTRY_TTL',
      `${field}: the key that signs lives ${max} seconds, so nothing can live longer`,
    )
  }
}
