import { create, toBinary } from '@bufbuild/protobuf'
import { X509SVIDResponseSchema, X509SVIDSchema } from '@countersign/workload-api/server'
import { describe, expect, it } from 'vitest'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { byteSize, keepWhatFits } from './response-limit.ts'

const FOUR_MIB = 4 * 1024 * 1024

const svid = (index: number, bundleBytes: number) =>
  create(X509SVIDSchema, {
    spiffeId: `spiffe://example.org/${index}`,
    x509Svid: new Uint8Array(600),
    x509SvidKey: new Uint8Array(138),
    bundle: new Uint8Array(bundleBytes),
    hint: `é${index}`,
  })

describe('keepWhatFits', () => {
  it('keeps all that a client can receive', () => {
    const log = new RecordingLogger()
    const svids = Array.from({ length: 1000 }, (_, index) => svid(index, 500))
    expect(keepWhatFits(svids, 0, { log })).toEqual(svids)
    expect(log.records).toEqual([])
  })

  it('keeps the first ones of 8,000, as many as fit beside the other bundles, and says so', () => {
    const log = new RecordingLogger()
    const svids = Array.from({ length: 8000 }, (_, index) => svid(index, 500))
    const federatedBundles = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`spiffe://td${index}.example`, new Uint8Array(10_000)]),
    )
    const kept = keepWhatFits(svids, byteSize(federatedBundles), { log })
    expect(kept).toEqual(svids.slice(0, kept.length))
    const size = toBinary(
      X509SVIDResponseSchema,
      create(X509SVIDResponseSchema, { svids: kept, federatedBundles }),
    ).length
    expect(size).toBeLessThan(FOUR_MIB)
    expect(size).toBeGreaterThan(FOUR_MIB * 0.9)
    expect(log.records).toMatchObject([{ level: 'warn', fields: { identities: 8000, given: kept.length } }])
  })
})
