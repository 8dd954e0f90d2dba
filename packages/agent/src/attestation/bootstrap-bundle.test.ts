import { describe, expect, it } from 'vitest'
import { newerBundle } from './bootstrap-bundle.ts'

const bundle = (sequence?: number) => ({
  trustDomain: 'example.org',
  bundle: { keys: [], ...(sequence === undefined ? {} : { spiffe_sequence: sequence }) },
})

describe('newerBundle', () => {
  it('takes the file only when it is newer than what the server last sent', () => {
    expect(newerBundle(bundle(5), bundle(6))).toEqual(bundle(6))
    expect(newerBundle(bundle(5), bundle(5))).toEqual(bundle(5))
    expect(newerBundle(bundle(5), bundle(4))).toEqual(bundle(5))
  })

  it('takes the stored one over a file without a sequence', () => {
    expect(newerBundle(bundle(), bundle())).toEqual(bundle())
    expect(newerBundle(bundle(0), bundle())).toEqual(bundle(0))
  })

  it('takes what there is', () => {
    expect(newerBundle(undefined, bundle(1))).toEqual(bundle(1))
    expect(newerBundle(bundle(1), undefined)).toEqual(bundle(1))
    expect(newerBundle(undefined, undefined)).toBeUndefined()
  })
})
