import type { Logger } from '@countersign/plugin-kit'

/** What gRPC's clients receive at most, unless their authors said otherwise, less what holds the message. */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024 - 4096
/** Tag and length of a field. */
const FIELD_BYTES = 6

/**
 * The identities that fit into a response together with what else it holds, from the first on. Larger responses are
 * refused by the client as a whole, which leaves a program with no identity rather than with many.
 */
export function keepWhatFits<Svid extends object>(
  svids: readonly Svid[],
  otherBytes: number,
  { log }: { readonly log: Logger },
): Svid[] {
  let left = MAX_RESPONSE_BYTES - otherBytes
  const kept: Svid[] = []
  for (const svid of svids) {
    left -= byteSize(svid)
    if (left < 0) break
    kept.push(svid)
  }
  if (kept.length < svids.length) {
    const fields = { identities: svids.length, given: kept.length }
    log.warn(fields, 'identities do not fit into one response, the newest are left out')
  }
  return kept
}

/** How much of a message a value takes, rather too much than too little. */
export function byteSize(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + FIELD_BYTES
  if (value instanceof Uint8Array) return value.length + FIELD_BYTES
  if (typeof value !== 'object' || value === null) return FIELD_BYTES
  return Object.values(value).reduce<number>((sum, each) => sum + byteSize(each), FIELD_BYTES)
}
