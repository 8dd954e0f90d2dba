/** Exchange rules that change while the token service answers. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { oauthError, startTokenService, WORKLOAD_RULE } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const telemetry = { host: '127.0.0.1', port: 0 }

describe('exchange rules', () => {
  it('change without a restart, and stay as they are while a new document cannot be used', async () => {
    const test = await startTokenService({ config: { telemetry } })
    const write = (document: object) => writeFile(join(test.dataDir, 'rules.yaml'), JSON.stringify(document))
    const ask = async () => {
      const reply = await test.ask(test.serviceAccountToken({ jti: `${Math.random()}` }))
      return reply.status === 200 ? reply.body.expires_in : oauthError(reply)
    }
    const health = async () => {
      const { body } = await test.admin('/v1/health')
      const check = body.checks.find(({ name }: { name: string }) => name === 'exchange-rules')
      return `${body.ready} ${check.status}`
    }
    const isCurrent = async () => {
      const text = await (await fetch(`${test.server.telemetryUrl}/metrics`)).text()
      return /^countersign_server_exchange_rules_current (\d)$/m.exec(text)?.[1]
    }
    // Maintenance looks at it no less often than this.
    const round = () => test.clock.advance(30)
    expect(await ask()).toBe(300)
    expect([await health(), await isCurrent()]).toEqual(['true ok', '1'])

    await write({ rules: [{ ...WORKLOAD_RULE, to: { ...WORKLOAD_RULE.to, ttl: 60 } }] })
    await vi.waitFor(async () => {
      await round()
      expect(await ask()).toBe(60)
    })

    await write({ rules: [{ ...WORKLOAD_RULE, to: { ...WORKLOAD_RULE.to, profile: 'wit' } }] })
    await vi.waitFor(async () => {
      await round()
      expect(await health()).toBe('true warning')
    })
    expect([await ask(), await isCurrent()]).toEqual([60, '0'])
    const refused = test.log.lines.find(({ fields }) => fields['event'] === 'exchange_rules.refused')
    expect(refused?.fields).toMatchObject({ code: 'ERR_EXCHANGE_RULES', documentHash: expect.any(String) })

    await write({ rules: [] })
    await vi.waitFor(async () => {
      await round()
      expect(await health()).toBe('true ok')
    })
    expect([await ask(), await isCurrent()]).toEqual(['400 unauthorized_client', '1'])
  })
})
