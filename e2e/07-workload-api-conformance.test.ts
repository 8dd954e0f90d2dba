/** The conformance suite for Workload API endpoints, on a real agent of a real server. */
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

const isRoot = process.getuid?.() === 0

/** A user whom no entry is for. */
const NOBODY = 65_534

interface Report {
  readonly passed: number
  readonly failed: number
  readonly checks: readonly { id: string; outcome: string; seen?: string; reason?: string }[]
}

async function suite(...args: readonly string[]): Promise<{ exitCode: number | null; report: Report }> {
  const command = ['conformance', 'workload-api', '--socket', domain.endpoint, '--output', 'json', ...args]
  const { exitCode, stdout, stderr } = await countersign(command)
  expect(stderr).toBe('')
  return { exitCode, report: JSON.parse(stdout) }
}

async function startWithIdentities(): Promise<void> {
  await domain.startServer()
  const parent = await domain.invite()
  await domain.admin('bundle', 'set', 'partner.example', '--file', join(domain.folder, 'bundle.json'))
  const entry = (path: string, ...options: readonly string[]) =>
    domain.admin('entry', 'create', '--id', `spiffe://example.org${path}`, '--parent', parent, ...options)
  const selector = `--selector=unix:uid:${process.getuid?.()}`
  await entry('/web', selector, '--hint', 'internal', '--federates-with', 'partner.example')
  await entry('/batch', selector, '--hint', 'external')
  await domain.startAgent()
  // So that a process of another user gets as far as the agent itself.
  chmodSync(domain.folder, 0o711)
  chmodSync(join(domain.folder, 'agent'), 0o711)
}

describe('conformance workload-api', () => {
  it('finds nothing to object to in our agent, and says what it could not judge', async () => {
    await startWithIdentities()
    const report = join(domain.folder, 'report.xml')
    const args = isRoot ? ['--without-identity-uid', String(NOBODY)] : []
    const { exitCode, report: result } = await suite('--report', report, ...args)
    const notPassed = result.checks.filter(({ outcome }) => outcome !== 'pass')
    const expectedSkips = ['WA-FULL-STATE', 'JV-EXPIRED']
    if (!isRoot) expectedSkips.push(...result.checks.map(({ id }) => id).filter((id) => id.startsWith('NI-')))
    expect(notPassed.filter(({ id, outcome }) => outcome !== 'skip' || !expectedSkips.includes(id))).toEqual([])
    expect(exitCode).toBe(0)
    expect(readFileSync(report, 'utf8')).toContain('failures="0"')
    expect(JSON.stringify(result)).not.toMatch(/eyJ|PRIVATE KEY|"d":/)
  })

  it('refuses to test an endpoint that has no identity for it, and says what to do', async () => {
    await domain.startServer()
    await domain.invite()
    await domain.startAgent()
    const { exitCode, stderr } = await countersign(['conformance', 'workload-api', '--socket', domain.endpoint])
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/ERR_CONFORMANCE_NO_IDENTITY[\s\S]*hint: register an entry/)
  })

  it('tells that nobody listens', async () => {
    const { exitCode, stderr } = await countersign(['conformance', 'workload-api', '--socket', domain.endpoint])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('ERR_CONFORMANCE_UNREACHABLE')
  })
})
