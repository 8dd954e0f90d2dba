import type { PeerProcess } from '@countersign/plugin-kit'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { EntryIndex } from '../issuance/entry-index.ts'
import { entry } from '../test-support/fake-server.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { findNearestEntries, NoIdentityLog } from './explain-no-identity.ts'

const needs = (id: string, ...values: string[]) =>
  entry(id, `/${id}`, { selectors: values.map((value) => ({ type: 't', value })) })
const own = [
  { type: 't', value: 'a' },
  { type: 't', value: 'b' },
]

describe('findNearestEntries', () => {
  it('puts first what fewest selectors keep away, and then what more were found of', () => {
    const entries = [
      needs('far', 'x', 'y'),
      needs('one', 'x'),
      needs('near', 'a', 'b', 'x'),
      needs('farther', 'x', 'y', 'z'),
    ]
    expect(findNearestEntries(entries, own, 0).map(({ entryId, missing }) => [entryId, missing])).toEqual([
      ['near', ['t:x']],
      ['one', ['t:x']],
      ['far', ['t:x', 't:y']],
    ])
  })

  it('compares no more than a bounded number of entries', () => {
    let compared = 0
    const entries = Array.from({ length: 10_000 }, (_, index) => {
      const { selectors, ...rest } = needs(`e${index}`, 'x')
      return Object.defineProperty({ ...rest, selectors }, 'selectors', {
        get() {
          compared += 1
          return selectors
        },
      })
    })
    expect(findNearestEntries(entries, own, 0)).toHaveLength(3)
    expect(compared).toBe(2048)
  })

  it('says of an entry that only its time is over', () => {
    const [near] = findNearestEntries([entry('e', '/e', { selectors: own, expiresAt: 5 })], own, 5)
    expect(near).toMatchObject({ missing: [], expired: true })
  })
})

describe('NoIdentityLog', () => {
  const peer = (pid: number): PeerProcess => ({ pid, uid: 1, gid: 1, startTime: '1', isAlive: () => true })
  const view = (revision: number) => ({
    status: 'ready' as const,
    agentId: 'a',
    revision,
    entries: new EntryIndex([]),
    bundles: new Map(),
    crls: [],
    intermediates: [],
  })

  it('speaks once of a program and a state of the registrations', () => {
    const log = new RecordingLogger()
    const { explain } = new NoIdentityLog(new FakeClock(), log)
    for (let turn = 0; turn < 5; turn++) explain(peer(1), own, view(1))
    expect(log.records).toHaveLength(1)
    explain(peer(1), own, view(2))
    explain(peer(2), own, view(2))
    expect(log.records).toHaveLength(3)
    expect(log.records[0]?.fields).toMatchObject({ pid: 1, selectors: ['t:a', 't:b'], nearest: [] })
  })

  it('says of an identity that was asked for in vain what else the program has and what it lacks', () => {
    const log = new RecordingLogger()
    const { explain } = new NoIdentityLog(new FakeClock(), log)
    const entries = new EntryIndex([needs('mine', 'a'), needs('theirs', 'a', 'x'), needs('other', 'y')])
    const asked = entry('theirs', '/theirs').spiffeId
    for (let turn = 0; turn < 2; turn++) explain(peer(1), own, { ...view(1), entries }, asked)
    expect(log.records).toHaveLength(1)
    expect(log.records[0]?.fields).toMatchObject({
      asked,
      has: [entry('mine', '/mine').spiffeId],
      nearest: [{ entryId: 'theirs', missing: ['t:x'] }],
    })
    explain(peer(1), own, { ...view(1), entries }, entry('nobody', '/nobody').spiffeId)
    expect(log.records[1]?.fields).toMatchObject({ nearest: [] })
  })

  it('does not remember for ever', () => {
    const log = new RecordingLogger()
    const { explain } = new NoIdentityLog(new FakeClock(), log)
    for (let pid = 1; pid <= 1025; pid++) explain({ ...peer(pid), uid: pid }, own, view(1))
    const before = log.records.length
    explain(peer(1), own, view(1))
    expect(log.records).toHaveLength(before + 1)
  })

  it('writes ten lines a minute for one user, however many programs it starts, and not less for another', async () => {
    const log = new RecordingLogger()
    const clock = new FakeClock()
    const { explain } = new NoIdentityLog(clock, log)
    for (let pid = 1; pid <= 100; pid++) explain(peer(pid), own, view(1))
    expect(log.records).toHaveLength(10)
    explain({ ...peer(200), uid: 2 }, own, view(1))
    expect(log.records).toHaveLength(11)
    await clock.advance(60)
    explain(peer(300), own, view(1))
    expect(log.records.at(-1)?.fields['more']).toBe(90)
  })
})
