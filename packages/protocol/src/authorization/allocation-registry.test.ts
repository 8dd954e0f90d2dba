import { expectCode } from '@countersign/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { WorkloadId } from '../identifier/workload-id.ts'
import { AllocationRegistry, type Reassignment } from './allocation-registry.ts'
import type { Retirement } from './retirement.ts'

const PAYMENTS = WorkloadId.parse('wimse://example.org/payments')
const OTHER = WorkloadId.parse('wimse://example.org/reporting')
const RETIRED: Retirement = {
  isPreviousCredentialValid: false,
  isPreviousProofValid: false,
  isAuthorizationCacheActive: false,
  isExternalMappingActive: false,
  areUpdatesPropagated: true,
  isAuditAttributionPreserved: true,
}
const MOVE: Reassignment = {
  identifier: PAYMENTS,
  previousPrincipal: 'P0',
  nextPrincipal: 'P1',
  issuer: 'b',
  isIntentional: true,
  retirement: RETIRED,
}

let registry: AllocationRegistry

beforeEach(() => {
  registry = new AllocationRegistry()
  registry.allocate({ identifier: PAYMENTS, principal: 'P0', issuer: 'a' })
})

describe('allocate', () => {
  it('gives an identifier to one principal, over all issuers', () => {
    registry.allocate({ identifier: PAYMENTS, principal: 'P0', issuer: 'a' })
    registry.allocate({ identifier: PAYMENTS, principal: 'P0', issuer: 'b' })
    expect(registry.principalOf(PAYMENTS)).toBe('P0')
    expect(registry.history(PAYMENTS)).toEqual([{ identifier: PAYMENTS, principal: 'P0', issuer: 'a' }])
  })

  it.each(['a', 'b'])('refuses another principal, whoever asks: issuer %s', async (issuer) => {
    const error = await expectCode(
      () => registry.allocate({ identifier: PAYMENTS, principal: 'P1', issuer }),
      'ERR_ALLOCATION_TAKEN',
    )
    expect(error.detail).toBe('wimse://example.org/payments, given by a')
    expect(registry.principalOf(PAYMENTS)).toBe('P0')
  })

  it('compares whole identifiers', () => {
    const sameName = WorkloadId.parse('spiffe://example.org/payments')
    registry.allocate({ identifier: sameName, principal: 'P1', issuer: 'a' })
    registry.allocate({ identifier: WorkloadId.parse(`${PAYMENTS}/a`), principal: 'P2', issuer: 'a' })
    expect([registry.principalOf(PAYMENTS), registry.principalOf(sameName)]).toEqual(['P0', 'P1'])
  })

  it('lets one principal have several identifiers', () => {
    registry.allocate({ identifier: OTHER, principal: 'P0', issuer: 'a' })
    expect(registry.principalOf(OTHER)).toBe('P0')
  })

  it('refuses a principal without a name', async () => {
    await expectCode(
      () => registry.allocate({ identifier: OTHER, principal: '', issuer: 'a' }),
      'ERR_ALLOCATION_PRINCIPAL',
    )
    expect(registry.principalOf(OTHER)).toBe(undefined)
  })
})

describe('reassign', () => {
  it('gives an identifier away once nothing of the previous principal is left, and remembers both', () => {
    registry.reassign(MOVE)
    expect(registry.principalOf(PAYMENTS)).toBe('P1')
    expect(registry.history(PAYMENTS).map(({ principal, issuer }) => [principal, issuer])).toEqual([
      ['P0', 'a'],
      ['P1', 'b'],
    ])
  })

  it('does not let the previous principal simply come back', async () => {
    registry.reassign(MOVE)
    await expectCode(
      () => registry.allocate({ identifier: PAYMENTS, principal: 'P0', issuer: 'a' }),
      'ERR_ALLOCATION_TAKEN',
    )
  })

  it.each(Object.keys(RETIRED) as (keyof Retirement)[])(
    'refuses when %s says otherwise, or nothing',
    async (question) => {
      for (const answer of [!RETIRED[question], undefined as unknown as boolean]) {
        const retirement = { ...RETIRED, [question]: answer }
        const error = await expectCode(() => registry.reassign({ ...MOVE, retirement }), 'ERR_ALLOCATION_NOT_RETIRED')
        expect(error.detail).toBe(question)
      }
      expect(registry.principalOf(PAYMENTS)).toBe('P0')
    },
  )

  it('refuses what nobody decided', async () => {
    await expectCode(() => registry.reassign({ ...MOVE, isIntentional: false }), 'ERR_ALLOCATION_NOT_INTENDED')
    const silent = { ...MOVE, isIntentional: undefined as unknown as boolean }
    await expectCode(() => registry.reassign(silent), 'ERR_ALLOCATION_NOT_INTENDED')
  })

  it('lets the same principal keep it, whatever of it is alive', () => {
    const alive = { ...RETIRED, isPreviousCredentialValid: true, areUpdatesPropagated: false }
    registry.reassign({ ...MOVE, nextPrincipal: 'P0', isIntentional: false, retirement: alive })
    expect(registry.history(PAYMENTS)).toHaveLength(1)
  })

  it('refuses to take it from someone who does not have it', async () => {
    await expectCode(() => registry.reassign({ ...MOVE, previousPrincipal: 'P9' }), 'ERR_ALLOCATION_HOLDER')
    // Not even when nothing would change between the two that are named.
    const same = { ...MOVE, previousPrincipal: 'P9', nextPrincipal: 'P9' }
    await expectCode(() => registry.reassign(same), 'ERR_ALLOCATION_HOLDER')
    await expectCode(() => registry.reassign({ ...MOVE, identifier: OTHER }), 'ERR_ALLOCATION_UNKNOWN')
  })

  it('refuses a principal without a name', async () => {
    await expectCode(() => registry.reassign({ ...MOVE, nextPrincipal: '' }), 'ERR_ALLOCATION_PRINCIPAL')
  })
})
