import type { Entry } from '@countersign/api'
import { AttestationError, type Selector, silentLogger, type WorkloadAttestor } from '@countersign/plugin-kit'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { AgentState } from '../state/agent-state.ts'
import { AGENT_ID, entry } from '../test-support/fake-server.ts'
import { AttestorFindings } from './attestor-findings.ts'
import { explainProcess } from './explain-process.ts'

const unix = (...values: string[]): Selector[] => values.map((value) => ({ type: 'unix', value }))
const own = unix('uid:1000', 'gid:1000', 'path:/opt/web')

interface World {
  readonly entries?: readonly Entry[]
  readonly state?: 'starting' | 'refused'
  readonly attest?: WorkloadAttestor['attest']
  /** Of a second attestor. */
  readonly attestMore?: WorkloadAttestor['attest']
  readonly isAlive?: () => boolean
}

function explain({ entries = [], state: status, attest = async () => own, attestMore, isAlive = () => true }: World) {
  const clock = new FakeClock()
  const state = new AgentState()
  if (status !== 'starting') state.apply({ agentId: AGENT_ID, revision: 7, entries, bundles: new Map() })
  if (status === 'refused') state.refuse()
  const attestors = new AttestorFindings({
    attestors: [
      { name: 'unix', create: () => ({ attest }) },
      ...(attestMore === undefined ? [] : [{ name: 'more', create: () => ({ attest: attestMore }) }]),
    ],
    plugin: () => ({ clock, log: silentLogger, dataDir: '/' }),
    clock,
    timeoutMs: 10_000,
  })
  const peer = { pid: 42, uid: 1000, gid: 1000, startTime: '1', isAlive }
  const running = { peer, program: '/opt/web', namespacePids: undefined }
  return explainProcess(running, { state, attestors, clock, trustDomain: 'example.org' })
}

const needs = (id: string, selectors: Selector[], more: Partial<Entry> = {}) =>
  entry(id, `/${id}`, { selectors, ...more })
const commands = async (world: World) =>
  (await explain(world)).next.map(({ command = [] }) => command.slice(1, 4).join(' '))

describe('explainProcess', () => {
  it('names the identities of a process, its default first, and has no advice', async () => {
    const entries = [
      needs('second', unix('uid:1000'), { createdAt: 1_700_000_000 }),
      needs('first', unix('path:/opt/web')),
    ]
    expect(await explain({ entries: [...entries, needs('other', unix('uid:1'))] })).toEqual({
      outcome: 'identity',
      process: { pid: 42, uid: 1000, gid: 1000, program: '/opt/web' },
      agent: { state: 'ready', agentId: AGENT_ID, revision: 7, entries: 3 },
      attestors: [{ name: 'unix', selectors: own, notes: [] }],
      identities: [
        { entryId: 'first', spiffeId: 'spiffe://example.org/first', selectors: unix('path:/opt/web') },
        { entryId: 'second', spiffeId: 'spiffe://example.org/second', selectors: unix('uid:1000') },
      ],
      nearest: [],
      next: [],
    })
  })

  it('names the nearest entries and a command that would match', async () => {
    const explained = await explain({
      entries: [needs('near', unix('uid:1000', 'path:/opt/old')), needs('far', unix('x', 'y'))],
    })
    expect(explained.outcome).toBe('no-identity')
    expect(explained.nearest).toMatchObject([
      { entryId: 'near', missing: ['unix:path:/opt/old'] },
      { entryId: 'far', missing: ['unix:x', 'unix:y'] },
    ])
    const selectors = ['--selector', 'unix:uid:1000', '--selector', 'unix:path:/opt/web']
    expect(explained.next.map(({ command }) => command)).toEqual([
      ['countersign', 'entry', 'update', 'near', ...selectors],
      ['countersign', 'entry', 'create', '--id', 'spiffe://example.org/web', '--parent', AGENT_ID, ...selectors],
    ])
  })

  it('does not suggest to change an entry that has nothing of the process', async () => {
    expect(await commands({ entries: [needs('far', unix('x'))] })).toEqual(['entry create --id'])
    expect(await commands({})).toEqual(['entry create --id'])
  })

  it('suggests a new end for an entry whose time is over', async () => {
    const { outcome, nearest, next } = await explain({ entries: [needs('old', unix('uid:1000'), { expiresAt: 5 })] })
    expect(outcome).toBe('no-identity')
    expect(nearest).toMatchObject([{ missing: [], expired: true }])
    expect(next[0]?.command).toEqual(['countersign', 'entry', 'update', 'old', '--expires-at', '2027-01-16T08:00:00Z'])
  })

  it('suggests nothing when nothing was found to go by', async () => {
    expect(await explain({ attest: async () => [] })).toMatchObject({ outcome: 'no-identity', next: [] })
  })

  it('says what keeps a process from being attested, and offers no identity meanwhile', async () => {
    const attest = async () => {
      throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'may not look')
    }
    const explained = await explain({ attest, entries: [needs('any', unix('uid:1000'))] })
    expect(explained).toMatchObject({ outcome: 'not-attested', identities: [], nearest: [] })
    expect(explained.next[0]?.say).toContain('may not look')
    const half = await explain({ attestMore: attest, entries: [needs('any', unix('uid:1000'))] })
    expect(half).toMatchObject({ outcome: 'not-attested', identities: [], nearest: [] })
  })

  it('refuses more selectors than any process can have, as the Workload API does', async () => {
    const attest = async () => unix(...Array.from({ length: 1025 }, (_, index) => `uid:${index}`))
    expect(await explain({ attest, entries: [needs('any', unix('uid:7'))] })).toMatchObject({
      outcome: 'not-attested',
      identities: [],
      attestors: [{ trouble: { code: 'ERR_ATTESTATION_TOO_LARGE' } }],
    })
  })

  it.each([
    ['starting', 'agent-not-ready', 'agent status '],
    ['refused', 'no-identity', 'node list '],
  ] as const)('of an agent that is %s points at the agent', async (state, outcome, command) => {
    const explained = await explain({ state, entries: [needs('any', unix('uid:1000'))] })
    expect(explained).toMatchObject({ outcome, identities: [] })
    expect(explained.next.map(({ command: found }) => found?.slice(1).join(' '))).toEqual([command.trim()])
  })

  it('says nothing about a process that ended meanwhile: another may have its pid', async () => {
    await expectCode(explain({ isAlive: () => false }), 'ERR_OPERATOR_PROCESS_GONE')
    const attest = async () => {
      throw new AttestationError('ERR_ATTESTATION_PROCESS_GONE', 'gone')
    }
    await expectCode(explain({ attest }), 'ERR_OPERATOR_PROCESS_GONE')
  })
})
