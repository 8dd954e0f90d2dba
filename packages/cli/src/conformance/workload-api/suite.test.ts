import { beforeAll, describe, expect, it } from 'vitest'
import { FakeEndpoint } from '../../test-support/fake-endpoint/fake-endpoint.ts'
import { type Authorities, createAuthorities, FakeWorld } from '../../test-support/fake-endpoint/fake-world.ts'
import { runOn } from '../../test-support/fake-endpoint/run-on.ts'
import { ALL_VIOLATIONS } from '../../test-support/fake-endpoint/violations/all-violations.ts'
import { answering } from '../../test-support/fake-endpoint/violations/violation.ts'
import { ALL_CHECKS } from './all-checks.ts'

// Each case is a server and the whole suite, on a machine that may be busy.
const PATIENCE_MS = 60_000

let authorities: Authorities
beforeAll(async () => {
  authorities = await createAuthorities()
})

/** These ask for a message and do not look into it: spared where only content is spoiled, to save minutes. */
const BLIND = /^(?:RB|WE-AUTHORITY)-/
const CONTENT = /^(?:X509|XB|JWT|JB|JV|WIT|WB)-/

function mayNotice(id: string, spoiled: string): boolean {
  return !(BLIND.test(id) && CONTENT.test(spoiled))
}

const ids = ALL_CHECKS.map(({ id }) => id)

describe('the suite', () => {
  it('has a name for each check, and needs only checks that there are', () => {
    expect(new Set(ids).size).toBe(ids.length)
    expect(ALL_CHECKS.flatMap(({ needs = [] }) => needs).filter((id) => !ids.includes(id))).toEqual([])
  })

  it('passes a server that does everything right', { timeout: PATIENCE_MS }, async () => {
    const { checks } = await runOn(new FakeEndpoint(new FakeWorld(authorities)))
    expect(checks.filter(({ outcome }) => outcome !== 'pass')).toEqual([])
  })

  it('cannot judge what a process without an identity is told when none can connect', async () => {
    const endpoint = new FakeEndpoint(new FakeWorld(authorities))
    endpoint.isOpenToAll = false
    const { checks } = await runOn(endpoint, ({ id }) => id.startsWith('NI-'))
    expect(new Set(checks.map(({ outcome }) => outcome))).toEqual(new Set(['skip']))
    expect(checks[0]?.reason).toContain('cannot reach the endpoint: connect ENOENT')
  })

  it('survives a server that never stops sending', { timeout: PATIENCE_MS }, async () => {
    const endpoint = new FakeEndpoint(new FakeWorld(authorities))
    answering('FetchX509Bundles', (good) => ({ ...good, messages: Array(5_000).fill(good.messages[0]) }))(endpoint)
    const { checks } = await runOn(endpoint, ({ id }) => id === 'WA-STREAM-STAYS-OPEN')
    expect(checks).toMatchObject([{ outcome: 'pass' }])
  })

  it('has a server that breaks it for every check', () => {
    expect(Object.keys(ALL_VIOLATIONS).sort()).toEqual([...ids].sort())
  })
})

describe.concurrent('a server that breaks one requirement is found out by its check and by no other', () => {
  it.for(ids)('%s', { timeout: PATIENCE_MS }, async (id, { expect }) => {
    const endpoint = new FakeEndpoint(new FakeWorld(authorities))
    await ALL_VIOLATIONS[id]?.(endpoint)
    const { checks } = await runOn(endpoint, (check) => mayNotice(check.id, id))
    const notMet = checks.filter(({ outcome }) => outcome === 'fail' || outcome === 'warn')
    expect(notMet.map((check) => [check.id, check.seen])).toEqual([[id, expect.any(String)]])
    const [check] = notMet
    expect(check?.outcome).toBe(check?.level === 'MUST' ? 'fail' : 'warn')
  })
})
