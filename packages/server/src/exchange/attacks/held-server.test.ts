/** Requests while the server must not answer, as many as anyone likes to send. */
import { describe, expect, it, vi } from 'vitest'
import { credentialsForm, expectRefusal } from '../../test-support/attack-world.ts'
import { startTokenService } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

describe('a server on hold', () => {
  it('answers nobody, writes no line for each, and goes on afterwards', async () => {
    const test = await startTokenService({ cluster: { reuse: true } })
    const form = credentialsForm(test.serviceAccountToken())
    const years = 2 * 366 * 86_400
    test.clock.jump(years)
    for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke']) {
      for (let count = 0; count < 5; count++) {
        expectRefusal(await test.post(form, {}, path), '503 temporarily_unavailable')
      }
    }
    expect(test.log.text).not.toContain('token request failed')
    test.clock.jump(-years)
    expect((await test.post(form)).status).toBe(200)
  })
})
