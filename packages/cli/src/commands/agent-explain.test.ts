import type { ProcessExplanation } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { type PreparedAnswer, startAdminServer } from '../test-support/admin-server.ts'
import { runCli } from '../test-support/run-cli.ts'

const AGENT_ID = 'spiffe://example.org/countersign/agent/n1'
const selectors = [
  { type: 'unix', value: 'uid:1000' },
  { type: 'unix', value: 'path:/opt/my app/web' },
]
const has: ProcessExplanation = {
  outcome: 'identity',
  process: { pid: 42, uid: 1000, gid: 1000, program: '/opt/my app/web' },
  agent: { state: 'ready', agentId: AGENT_ID, revision: 7, entries: 2 },
  attestors: [{ name: 'unix', selectors, notes: [] }],
  identities: [{ entryId: 'e1', spiffeId: 'spiffe://example.org/web', selectors: selectors.slice(0, 1), hint: 'main' }],
  nearest: [],
  next: [],
}
const hasNot: ProcessExplanation = {
  ...has,
  outcome: 'no-identity',
  process: { ...has.process, namespacePids: [42, 1] },
  attestors: [{ name: 'unix', selectors, notes: ['selector omitted script: executable: EACCES'] }],
  identities: [],
  nearest: [
    { entryId: 'e1', spiffeId: 'spiffe://example.org/web', missing: ['unix:path:/opt/web'], expired: false },
    { entryId: 'e2', spiffeId: 'spiffe://example.org/old', missing: [], expired: true },
  ],
  next: [{ say: 'name it', command: ['countersign', 'entry', 'create', '--selector', 'unix:path:/opt/my app/web'] }],
}

async function explain(answer: PreparedAnswer, ...more: string[]) {
  const { socketPath } = await startAdminServer({ 'GET /v1/explain?pid=42': answer })
  return runCli(['agent', 'explain', '--pid', '42', '--operator-socket', socketPath, ...more])
}

describe('agent explain', () => {
  it('exits with 0 and names the identities of a process that has one', async () => {
    const { code, stdout, stderr } = await explain({ body: has })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe(
      [
        'process  42  /opt/my app/web',
        'user     uid 1000, gid 1000',
        `agent    ${AGENT_ID} (ready)`,
        'verdict  has an identity',
        '',
        'Identities, the default first',
        'ENTRY  SPIFFE ID                 SELECTORS      HINT',
        'e1     spiffe://example.org/web  unix:uid:1000  main',
        '',
        'What the agent found',
        'ATTESTOR  SELECTORS',
        'unix      unix:uid:1000',
        '          unix:path:/opt/my app/web',
        '',
      ].join('\n'),
    )
  })

  it('exits with 1 and says what is missing and what to do when it has none', async () => {
    const { code, stdout, stderr } = await explain({ body: hasNot })
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toBe(
      [
        'process            42  /opt/my app/web',
        'user               uid 1000, gid 1000',
        'in its namespaces  pid 42 / 1',
        `agent              ${AGENT_ID} (ready)`,
        'verdict            no identity: none of the 2 entries of this agent fits',
        '',
        'What the agent found',
        'ATTESTOR  SELECTORS',
        'unix      unix:uid:1000',
        '          unix:path:/opt/my app/web',
        '          (selector omitted script: executable: EACCES)',
        '',
        'Nearest entries',
        'ENTRY  SPIFFE ID                 MISSING',
        'e1     spiffe://example.org/web  unix:path:/opt/web',
        'e2     spiffe://example.org/old  (its time is over)',
        '',
        'What to do',
        '- name it',
        "  $ countersign entry create --selector 'unix:path:/opt/my app/web'",
        '',
      ].join('\n'),
    )
  })

  it.each([
    [
      'not-attested',
      { attestors: [{ name: 'unix', selectors: [], notes: [], trouble: { code: 'ERR_X', message: 'may not look' } }] },
    ],
    ['agent-not-ready', { agent: { state: 'starting', revision: 0, entries: 0 } }],
    ['no-identity', { agent: { ...has.agent, state: 'refused' } }],
    ['no-identity', { agent: { ...has.agent, entries: 0 } }],
  ] as const)('exits with 1 when the outcome is %s', async (outcome, change) => {
    const body = { ...hasNot, outcome, ...change }
    const { code, stdout } = await explain({ body })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^verdict +no identity: /m)
    const json = await explain({ body }, '--output', 'json')
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout)).toEqual(body)
  })

  it('prints what a process calls itself without acting on it', async () => {
    const body = { ...has, process: { ...has.process, program: '/tmp/\u001b[2J' } }
    expect((await explain({ body })).stdout).toContain('/tmp/\\u{1b}[2J')
  })

  it.each([[], ['--pid', 'self'], ['--pid', '0'], ['--pid', '-1'], ['--pid', '1.5'], ['--pid', '99999999999']])(
    'exits with 2 for %j',
    async (...args) => {
      const { code, stdout } = await runCli(['agent', 'explain', ...args])
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    },
  )

  it.each([
    ['ERR_OPERATOR_NO_PROCESS', 404, "as the agent's host counts it"],
    ['ERR_OPERATOR_PROCESS_GONE', 409, 'find the pid again'],
    ['ERR_OPERATOR_THREAD', 400, '`ps`'],
    ['ERR_OPERATOR_PID_NAMESPACE', 409, 'run the command where the agent runs'],
    ['ERR_OPERATOR_PEER', 403, 'as root'],
  ])('passes on %s with advice', async (code, status, advice) => {
    const result = await explain({ status, body: { type: 'about:blank', title: 'refused', status, code } })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain(`error: refused (${code})\nhint: `)
    expect(result.stderr).toContain(advice)
  })
})
