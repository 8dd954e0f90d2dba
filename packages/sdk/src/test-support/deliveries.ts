import { create } from '@bufbuild/protobuf'
import { FakeIssuer, type FakeWorkload } from '@countersign/testing'
import { type WITSVID, WITSVIDSchema } from '@countersign/workload-api'

/** A trust domain that issues WIT-SVIDs. */
export function witDomain(name = 'shop.example'): FakeIssuer {
  return new FakeIssuer({ origin: `spiffe://${name}`, profile: 'wit-svid' })
}

/** An identity as an agent delivers it. */
export function svidOf(
  workload: FakeWorkload,
  now: number,
  { ttlSeconds = 3600, hint = '' }: { readonly ttlSeconds?: number; readonly hint?: string } = {},
): WITSVID {
  return create(WITSVIDSchema, {
    spiffeId: workload.id.toString(),
    witSvid: workload.wit(now, ttlSeconds),
    witSvidKey: JSON.stringify(workload.key.exportJwk()),
    hint,
  })
}

/** Bundles as an agent delivers them. */
export function bundlesOf(...issuers: readonly FakeIssuer[]): Record<string, string> {
  return Object.fromEntries(
    issuers.map(({ origin, witKey }) => [origin, JSON.stringify({ keys: [{ ...witKey.publicJwk, use: 'wit-svid' }] })]),
  )
}

/** Keys of bearer tokens, as a program holds them. */
export function jwtBundlesOf(...issuers: readonly FakeIssuer[]): Record<string, string> {
  return Object.fromEntries(
    issuers.map(({ origin, jwtKey }) => [origin, JSON.stringify({ keys: [{ ...jwtKey.publicJwk, use: 'jwt-svid' }] })]),
  )
}
