import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { EXIT } from './exit.ts'
import { createProgram } from './program.ts'
import { runCli } from './test-support/run-cli.ts'

const VERBS = [
  ...['server run', 'server validate', 'agent run', 'agent validate'],
  ...['agent status', 'agent explain'],
  ...['entry create', 'entry list', 'entry show', 'entry update', 'entry delete'],
  ...['node list', 'node ban', 'node evict', 'token create', 'bundle show', 'bundle set', 'bundle list'],
  ...['federation create', 'federation update', 'federation show', 'federation list'],
  ...['federation refresh', 'federation delete'],
  ...[
    'authority list',
    'authority prepare',
    'authority activate',
    'authority taint',
    'authority revoke',
    'entry apply',
  ],
  ...['x509 fetch', 'jwt fetch', 'wit fetch', 'conformance run', 'conformance workload-api', 'verify', 'inspect'],
]

describe('program', () => {
  it.each(VERBS)('help of `%s` ends with an example of that verb', async (verb) => {
    const { code, stdout } = await runCli([...verb.split(' '), '--help'])
    expect(code).toBe(0)
    const example = stdout.slice(stdout.lastIndexOf('\nExample'))
    expect(example).toMatch(/^\nExamples?:\n/)
    expect(example).toContain(`  $ countersign ${verb} `.trimEnd())
    expect(example.endsWith('\n')).toBe(true)
  })

  it('has an example and a description on every command there is', () => {
    const context = { env: {}, stdout: { write() {} }, stderr: { write() {} } } as never
    const visit = (command: Command): string[] => [
      ...(command.description() === '' ? [`${command.name()} has no description`] : []),
      ...command.commands.flatMap(visit),
    ]
    expect(visit(createProgram(context))).toEqual([])
  })

  it.each([
    ['no verb', ['entry']],
    ['an unknown verb', ['entry', 'frobnicate']],
    ['an unknown noun', ['frobnicate']],
    ['an unknown option', ['inspect', '--frobnicate']],
    ['a missing argument', ['entry', 'show']],
    ['too many arguments', ['entry', 'list', 'x']],
    ['an unknown output format', ['inspect', 'x', '--output', 'yaml']],
  ])('exits with 2 for %s, with nothing on standard output', async (_, args) => {
    const { code, stdout, stderr } = await runCli(args)
    expect(code).toBe(EXIT.usage)
    expect(stdout).toBe('')
    expect(stderr).not.toBe('')
  })

  it('suggests the verb that was meant', async () => {
    expect((await runCli(['entry', 'lst'])).stderr).toContain('Did you mean list?')
  })

  it('prints its version', async () => {
    const { code, stdout } = await runCli(['--version'])
    expect(code).toBe(EXIT.ok)
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
