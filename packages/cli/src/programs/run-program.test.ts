import { ConfigError } from '@countersign/plugin-kit'
import { describe, expect, it } from 'vitest'
import { runCli } from '../test-support/run-cli.ts'
import type { Program } from './program.ts'

/** A program that notes what is done to it, and signals that the test sends. */
function fakeWorld() {
  const events: string[] = []
  const handlers = new Set<() => void>()
  const stopped = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const program: Program = {
    load: async (path, env) => {
      events.push(`load ${path} ${env['HOME_DIR']}`)
      return {
        start: async () => {
          events.push('start')
          setImmediate(started.resolve)
          return {
            summary: [
              ['trust domain', 'example.org'],
              ['machine API', 'https://127.0.0.1:8441'],
            ],
            stop: () => {
              events.push('stop')
              return stopped.promise
            },
          }
        },
      }
    },
  }
  const world = {
    env: { HOME_DIR: '/srv' },
    modules: { server: async () => program, agent: async () => program },
    signals: {
      onTerminate: (handler: () => void) => {
        handlers.add(handler)
        return () => void handlers.delete(handler)
      },
      exitNow: (code: number) => {
        events.push(`exit ${code}`)
        stopped.resolve()
      },
    },
  }
  const signal = () => {
    for (const handler of handlers) handler()
  }
  return { events, world, signal, handlers, started: started.promise, stopped }
}

describe.each(['server', 'agent'])('%s run', (name) => {
  const args = [name, 'run', '--config', 'file.yaml']

  it('says when it is ready, and stops once on a signal', async () => {
    const { events, world, signal, handlers, started, stopped } = fakeWorld()
    const result = runCli(args, world)
    await started
    stopped.resolve()
    signal()
    expect(await result).toEqual({
      code: 0,
      stdout: '',
      stderr: [
        `countersign ${name} is ready`,
        '  trust domain  example.org',
        '  machine API   https://127.0.0.1:8441',
        `countersign ${name} is stopping; a second signal ends it at once`,
        '',
      ].join('\n'),
    })
    expect(events).toEqual(['load file.yaml /srv', 'start', 'stop'])
    expect(handlers.size).toBe(0)
  })

  it('ends at once on a second signal', async () => {
    const { events, world, signal, started } = fakeWorld()
    const result = runCli(args, world)
    await started
    signal()
    signal()
    await result
    expect(events).toEqual(['load file.yaml /srv', 'start', 'exit 130', 'stop'])
  })

  it('needs a configuration', async () => {
    expect((await runCli([name, 'run'])).code).toBe(2)
  })
})

describe.each(['server', 'agent'])('%s validate', (name) => {
  it('starts nothing', async () => {
    const { events, world } = fakeWorld()
    const args = [name, 'validate', '--config', 'file.yaml']
    expect(await runCli(args, world)).toEqual({ code: 0, stdout: 'configuration is valid\n', stderr: '' })
    expect(events).toEqual(['load file.yaml /srv'])
    expect(JSON.parse((await runCli([...args, '--output', 'json'], world)).stdout)).toEqual({ valid: true })
  })

  it('passes on the path of a wrong key and the nearest known one', async () => {
    const load = async () => {
      throw new ConfigError('ERR_CONFIG_UNKNOWN_KEY', 'unknown key "svids.x509TTL", did you mean "x509Ttl"?')
    }
    const result = await runCli([name, 'validate', '--config', 'f'], { modules: { [name]: async () => ({ load }) } })
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'error: unknown key "svids.x509TTL", did you mean "x509Ttl"? (ERR_CONFIG_UNKNOWN_KEY)\n' +
        'hint: remove the key or correct its name, then run `validate` again\n',
    })
  })
})
