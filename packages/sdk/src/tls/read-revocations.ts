import { type X509Anchors, X509Revocations } from '@countersign/protocol'
import type { StatedAnchors } from './read-anchors.ts'

/** What the authorities of one trust domain have revoked, and what that was read from. */
export interface StatedRevocations {
  readonly crls: readonly Uint8Array[]
  readonly anchors: X509Anchors
  readonly revocations: X509Revocations
}

/**
 * Reads the revocation lists of a message of the Workload API, by origin. They do not say whose they are: each counts for
 * those whose authorities signed it. One that cannot be read or is forged is left out, with a warning; one of nobody that is
 * known may be that of a CA which peers have yet to show. What has not changed since `former` is the same object again.
 *
 * @param lists DER
 */
export function readRevocations(
  lists: readonly Uint8Array[],
  anchors: ReadonlyMap<string, StatedAnchors>,
  former: ReadonlyMap<string, StatedRevocations>,
): ReadonlyMap<string, StatedRevocations> {
  const crls = lists.map((list) => list.slice())
  const stated = new Map([...anchors].map(([origin, { anchors }]) => [origin, read(crls, anchors, former.get(origin))]))
  const isNew = [...stated].some(([origin, each]) => former.get(origin) !== each)
  if (isNew) warnOfRefused([...stated.values()])
  return stated
}

function read(
  crls: readonly Uint8Array[],
  anchors: X509Anchors,
  former: StatedRevocations | undefined,
): StatedRevocations {
  if (former?.anchors === anchors && isSame(former.crls, crls)) return former
  const revocations = X509Revocations.read(crls, anchors)
  if ('then' in revocations) throw new TypeError('lists are verified by a synchronous backend')
  return { crls, anchors, revocations }
}

/** All read the same lists; one that another domain's authorities signed is no reason to warn. */
function warnOfRefused(stated: readonly StatedRevocations[]): void {
  const [first, ...others] = stated.map(({ revocations }) => revocations.refused)
  const isRefusedByAll = (list: Uint8Array) =>
    others.every((refused) => refused.some(({ crl }) => Buffer.compare(crl, list) === 0))
  for (const { crl, error } of first ?? []) {
    if (error.code === 'ERR_CERTIFICATE_UNTRUSTED' || !isRefusedByAll(crl)) continue
    process.emitWarning(`a revocation list is not believed: ${error.message} (${error.code})`, 'CountersignWarning')
  }
}

function isSame(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((each, index) => Buffer.compare(each, b[index] ?? new Uint8Array()) === 0)
}
