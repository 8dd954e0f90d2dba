import { describe, expect, it } from 'vitest'
import { startTestServer } from '../../test-support/test-server.ts'

const put = (body: object) => ({ method: 'PUT', body })

describe('log level of a running server', () => {
  it('is set for a time, as a whole and for one component, and audited', async () => {
    const { admin, logLevels, clock, log } = await startTestServer()
    expect((await admin('/v1/log-level')).body).toEqual({
      configured: 'info',
      level: 'info',
      components: [{ name: 'federation', level: 'info' }],
    })
    const { status, body } = await admin('/v1/log-level', put({ level: 'debug', forSeconds: 600 }))
    expect([status, body.level, body.until]).toEqual([200, 'debug', clock.now() + 600])
    await admin('/v1/log-level', put({ level: 'error', component: 'federation' }))
    expect(logLevels.levelOf('federation')).toBe('error')
    await clock.advance(600)
    expect((await admin('/v1/log-level')).body).toMatchObject({
      level: 'info',
      components: [{ name: 'federation', level: 'error' }],
    })
    await admin('/v1/log-level/reset', { body: {} })
    expect(logLevels.levelOf('federation')).toBe('info')
    expect(log.events('log_level.changed')).toMatchObject([
      { logLevel: 'debug', forSeconds: 600 },
      { logLevel: 'error', part: 'federation' },
      { logLevel: 'info' },
    ])
  })

  it.each([
    ['an unknown component', put({ level: 'debug', component: 'nobody' }), 404, 'ERR_LOG_COMPONENT'],
    ['silence', put({ level: 'silent' }), 400, 'ERR_HTTP_INVALID'],
    ['no level', put({}), 400, 'ERR_HTTP_INVALID'],
    ['no time at all', put({ level: 'debug', forSeconds: 0 }), 400, 'ERR_HTTP_INVALID'],
    ['more than a week', put({ level: 'debug', forSeconds: 604_801 }), 400, 'ERR_HTTP_INVALID'],
  ])('refuses %s', async (_, call, status, code) => {
    const { admin, logLevels } = await startTestServer()
    expect(await admin('/v1/log-level', call)).toMatchObject({ status, body: { code } })
    expect(logLevels.report().level).toBe('info')
  })
})
