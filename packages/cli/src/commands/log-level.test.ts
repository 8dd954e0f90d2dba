import type { LogLevels } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'

const levels: LogLevels = {
  configured: 'info',
  level: 'info',
  components: [
    { name: 'federation', level: 'debug', until: NOW + 600 },
    { name: 'machine', level: 'info' },
  ],
}

describe.each([
  ['server', '--admin-socket'],
  ['agent', '--operator-socket'],
])('%s log-level', (noun, option) => {
  const start = () =>
    startAdminServer({
      'GET /v1/log-level': { body: levels },
      'PUT /v1/log-level': { body: levels },
      'POST /v1/log-level/reset': { body: levels },
    })

  it('shows what is logged, and until when', async () => {
    const { socketPath } = await start()
    const { code, stdout } = await runCli([noun, 'log-level', 'get', option, socketPath])
    expect(code).toBe(0)
    expect(stdout.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['configured', 'info'],
      ['at present', 'info'],
      [''],
      ['COMPONENT', 'LEVEL'],
      ['federation', 'debug', expect.stringMatching(/^until .*in 10 min$/)],
      ['machine', 'info'],
      [''],
    ])
    const json = await runCli([noun, 'log-level', 'get', option, socketPath, '--output', 'json'])
    expect(JSON.parse(json.stdout)).toEqual(levels)
  })

  it('changes a component for a time, and resets', async () => {
    const { socketPath, requests } = await start()
    const run = (...args: string[]) => runCli([noun, 'log-level', ...args, option, socketPath])
    expect((await run('set', 'debug', '--component', 'federation', '--for', '10m')).code).toBe(0)
    expect((await run('set', 'warn')).code).toBe(0)
    expect((await run('reset', '--component', 'federation')).code).toBe(0)
    expect((await run('reset')).code).toBe(0)
    expect(requests).toEqual([
      { method: 'PUT', url: '/v1/log-level', body: { level: 'debug', component: 'federation', forSeconds: 600 } },
      { method: 'PUT', url: '/v1/log-level', body: { level: 'warn' } },
      { method: 'POST', url: '/v1/log-level/reset', body: { component: 'federation' } },
      { method: 'POST', url: '/v1/log-level/reset', body: {} },
    ])
  })

  it.each([
    ['a level that is none', ['set', 'loud']],
    ['silence', ['set', 'silent']],
    ['a time that is none', ['set', 'debug', '--for', 'soon']],
    ['no level', ['set']],
  ])('calls %s a usage error', async (_, args) => {
    const { socketPath } = await start()
    expect((await runCli([noun, 'log-level', ...args, option, socketPath])).code).toBe(2)
  })
})
