import type { ExchangeExplanation } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { runCli } from '../test-support/run-cli.ts'

const WORKLOAD = 'system:serviceaccount:test:default'
const allowed: ExchangeExplanation = {
  allowed: true,
  requested: 'access-token',
  rule: 'orders',
  ttl: 300,
  findings: [
    { rule: 'billing', failed: ['subject.issuer', 'to.audience'] },
    { rule: 'orders', failed: [] },
  ],
}
const start = (body: ExchangeExplanation) => startAdminServer({ 'POST /v1/exchange/explain': { body } })

describe('exchange explain', () => {
  it('asks about parties as they are written, and shows rule by rule what does not hold', async () => {
    const server = await start(allowed)
    const { code, stdout } = await runCli([
      ...['exchange', 'explain', '--admin-socket', server.socketPath, '--grant', 'client_credentials'],
      ...['--subject', `service-account:cluster:${WORKLOAD}`, '--scope', 'a b', '--audience', 'x', 'y'],
    ])
    expect(code).toBe(0)
    expect(server.requests.at(-1)).toMatchObject({
      body: {
        grant: 'client_credentials',
        subject: { profile: 'service-account', issuer: 'cluster', subject: WORKLOAD },
        scopes: ['a', 'b'],
        audience: ['x', 'y'],
      },
    })
    expect(stdout).toContain('by rule orders')
    expect(stdout).toMatch(/billing +subject\.issuer/)
    expect(stdout).toMatch(/orders +\(all holds\)/)
  })

  it.each([
    [['--explain'], []],
    [[], ['--explain']],
  ])('is the same as `exchange --explain`: %j %j', async (before, after) => {
    const { socketPath } = await start(allowed)
    const args = ['--admin-socket', socketPath, '--subject', `service-account:cluster:${WORKLOAD}`, '--scope', 'a']
    const { code, stdout } = await runCli(['exchange', ...before, ...args, ...after])
    expect(code).toBe(0)
    expect(stdout).toContain('by rule orders')
    expect((await runCli(['exchange', '--explain', '--help'])).stdout).toContain('exchange explain')
  })

  it('gives the answer as it is with --output json, also when it is a refusal', async () => {
    const refused: ExchangeExplanation = {
      allowed: false,
      requested: 'authorization-grant',
      error: 'invalid_target',
      findings: [],
    }
    const { socketPath } = await start(refused)
    const args = [
      'exchange',
      'explain',
      '--admin-socket',
      socketPath,
      '--subject',
      'wit:example.org:spiffe://example.org/a',
    ]
    const { code, stdout } = await runCli([...args, '--output', 'json'])
    expect({ code, answer: JSON.parse(stdout) }).toEqual({ code: 0, answer: refused })
    expect((await runCli(args)).stdout).toMatch(/refused +invalid_target\ntoken +authorization-grant\n/)
  })

  it('refuses a party that is not written as one', async () => {
    const { socketPath } = await start(allowed)
    const { code, stderr } = await runCli(['exchange', 'explain', '--admin-socket', socketPath, '--subject', 'alice'])
    expect(code).toBe(2)
    expect(stderr).toContain('<profile>:<issuer>:<subject>')
  })
})
