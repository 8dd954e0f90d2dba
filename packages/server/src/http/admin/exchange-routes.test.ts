import { describe, expect, it, vi } from 'vitest'
import { refusal } from '../../test-support/machine-requests.ts'
import { startTestServer } from '../../test-support/test-server.ts'
import { ORDERS, startTokenService, WORKLOAD } from '../../test-support/token-service-world.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const subject = { profile: 'service-account', issuer: 'cluster', subject: WORKLOAD }

describe('exchange rules of a server', () => {
  it('are explained as they decide', async () => {
    const test = await startTokenService()
    const explain = async (change: object = {}) => {
      const body = { grant: 'client_credentials', subject, ...change }
      return (await test.admin('/v1/exchange/explain', { body })).body
    }
    expect(await explain({ audience: [ORDERS], scopes: ['orders.read'] })).toEqual({
      allowed: true,
      requested: 'access-token',
      rule: 'orders',
      ttl: 300,
      findings: [{ rule: 'orders', failed: [] }],
    })
    expect(await explain({ subject: { ...subject, subject: 'other' } })).toEqual({
      allowed: false,
      requested: 'access-token',
      error: 'unauthorized_client',
      findings: [{ rule: 'orders', failed: ['subject.subject'] }],
    })
    expect(await explain({ audience: ['https://x.example'] })).toMatchObject({ error: 'invalid_target' })
    expect(await explain({ scopes: ['x'] })).toMatchObject({ error: 'invalid_scope' })
    expect(await explain({ requested: 'wit' })).toMatchObject({ findings: [{ failed: ['to.profile'] }] })
  })

  it('are not there without a token service', async () => {
    const test = await startTestServer()
    const reply = await test.admin('/v1/exchange/explain', { body: { grant: 'client_credentials', subject } })
    expect(refusal(reply)).toBe('404 ERR_EXCHANGE_OFF')
  })

  it('are asked in the expected shape only', async () => {
    const test = await startTokenService()
    const reply = await test.admin('/v1/exchange/explain', { body: { grant: 'x', subject } })
    expect(reply.status).toBe(400)
  })
})
