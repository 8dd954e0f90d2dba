import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { shellCommand } from './shell-command.ts'

describe('shellCommand', () => {
  it('leaves alone what a shell does', () => {
    const args = [
      'countersign',
      'entry',
      'create',
      '--id',
      'spiffe://example.org/a',
      '--selector',
      'unix:path:/usr/bin/a',
    ]
    expect(shellCommand(args)).toBe(args.join(' '))
  })

  it('reaches a program as it was, whatever is in it', () => {
    const args = ['a b', "it's", '$(id)', '`id`', '"', '\\', '; rm -rf x', '*', '~', '', '#', '!']
    const printed = execFileSync('/bin/sh', ['-c', `printf '%s\\n' ${shellCommand(args)}`], { encoding: 'utf8' })
    expect(printed).toBe(`${args.join('\n')}\n`)
  })
})
