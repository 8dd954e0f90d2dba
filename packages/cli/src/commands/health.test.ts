import type { HealthReport } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { runCli } from '../test-support/run-cli.ts'

const well: HealthReport = { ready: true, checks: [{ name: 'store', status: 'ok' }] }
const unwell: HealthReport = {
  ready: false,
  checks: [
    { name: 'store', status: 'failed', reason: 'ERR_STORE_UNWRITABLE' },
    { name: 'server', status: 'warning', reason: 'never heard of' },
  ],
}

describe.each([
  ['server', '--admin-socket'],
  ['agent', '--operator-socket'],
])('%s health', (noun, option) => {
  const health = async (body: HealthReport, ...more: string[]) => {
    const { socketPath } = await startAdminServer({ 'GET /v1/health': { body } })
    return runCli([noun, 'health', option, socketPath, ...more])
  }

  it('exits with 0 when it is ready', async () => {
    const { code, stdout } = await health(well)
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^${noun} is ready\n`))
  })

  it('exits with 1 when it is not, and says why', async () => {
    const { code, stdout } = await health(unwell)
    expect(code).toBe(1)
    expect(stdout.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      [`${noun} is not ready`],
      ['CHECK', 'STATUS', 'REASON'],
      ['store', 'failed', 'ERR_STORE_UNWRITABLE'],
      ['server', 'warning', 'never heard of'],
      [''],
    ])
    const json = await health(unwell, '--output', 'json')
    expect([json.code, JSON.parse(json.stdout)]).toEqual([1, unwell])
  })

  it('exits with 1 when nobody answers', async () => {
    const { code, stderr } = await runCli([noun, 'health', option, '/nonexistent/socket'])
    expect(code).toBe(1)
    expect(stderr).toContain('/nonexistent/socket')
  })
})
