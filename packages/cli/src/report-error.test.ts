import { describe, expect, it } from 'vitest'
import { runCli } from './test-support/run-cli.ts'

const failing = (error: unknown) => ({
  modules: {
    server: () => {
      throw error
    },
  },
})
const ARGS = ['server', 'validate', '--config', 'server.yaml']

describe('errors', () => {
  it('calls an exception that nobody throws on purpose what it is', async () => {
    const { code, stderr } = await runCli(ARGS, failing(new TypeError('x is not a function')))
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: x is not a function \(ERR_CLI_INTERNAL\)\nhint: .*please report it.*\n$/)
  })

  it('shows where it came from on request only', async () => {
    const world = { ...failing(new TypeError('x is not a function')), env: { COUNTERSIGN_DEBUG: '1' } }
    expect((await runCli(ARGS, world)).stderr).toContain('report-error.test.ts')
  })

  it('survives a thrown value that is no error', async () => {
    expect((await runCli(ARGS, failing('oops'))).stderr).toContain('error: oops (ERR_CLI_INTERNAL)')
  })

  it.each([
    ['an unknown command', ['eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0LXNpZ25hdHVyZQ']],
    ['an unknown option', ['inspect', '--eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0LXNpZ25hdHVyZQ']],
    [
      'a malformed value',
      ['entry', 'list', '--id', 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0LXNpZ25hdHVyZQ'],
    ],
  ])('does not repeat a token that stands in the place of %s', async (_, args) => {
    const { code, stderr } = await runCli(args)
    expect(code).toBe(2)
    expect(stderr).not.toContain('c2VjcmV0')
    expect(stderr).toContain('eyJhbGciOiJF')
  })
})
