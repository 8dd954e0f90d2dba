/** Entries as rows of the table, and back. */
import type { Entry, NewEntry, Selector } from '@countersign/api'
import type { EntryRow } from './schema.ts'

export function toColumns(entry: NewEntry) {
  return {
    spiffe_id: entry.spiffeId,
    parent_id: entry.parentId,
    selectors: JSON.stringify(entry.selectors),
    selector_key: selectorKey(entry.selectors),
    x509_svid_ttl: entry.x509SvidTtl ?? null,
    jwt_svid_ttl: entry.jwtSvidTtl ?? null,
    wit_ttl: entry.witTtl ?? null,
    dns_names: toJson(entry.dnsNames),
    hint: entry.hint ?? null,
    admin: toFlag(entry.admin),
    downstream: toFlag(entry.downstream),
    federates_with: toJson(entry.federatesWith),
    expires_at: entry.expiresAt ?? null,
  }
}

/** JSON of sorted pairs: no separator a value could contain. */
function selectorKey(selectors: readonly Selector[]): string {
  return JSON.stringify(selectors.map(({ type, value }) => JSON.stringify([type, value])).sort())
}

export function fromRow(row: EntryRow): Entry {
  return {
    id: row.id,
    revision: row.revision,
    createdAt: row.created_at,
    spiffeId: row.spiffe_id,
    parentId: row.parent_id,
    selectors: JSON.parse(row.selectors) as Selector[],
    ...(row.x509_svid_ttl !== null && { x509SvidTtl: row.x509_svid_ttl }),
    ...(row.jwt_svid_ttl !== null && { jwtSvidTtl: row.jwt_svid_ttl }),
    ...(row.wit_ttl !== null && { witTtl: row.wit_ttl }),
    ...(row.dns_names !== null && { dnsNames: JSON.parse(row.dns_names) as string[] }),
    ...(row.hint !== null && { hint: row.hint }),
    ...(row.admin !== null && { admin: row.admin === 1 }),
    ...(row.downstream !== null && { downstream: row.downstream === 1 }),
    ...(row.federates_with !== null && { federatesWith: JSON.parse(row.federates_with) as string[] }),
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
  }
}

function toJson(list: readonly string[] | undefined): string | null {
  return list === undefined ? null : JSON.stringify(list)
}

function toFlag(value: boolean | undefined): number | null {
  return value === undefined ? null : Number(value)
}
