import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatProcessLine, formatShellCommand, quoteForShell } from './command-line.ts'

const printf = (line: string) => execFileSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' })

describe('quoteForShell', () => {
  it.each(["it's", '$(id)', '`id`', 'a b', '"', '\\', '!', '*', '~', '', '-n', "''"])(
    'gives a shell %j as it is',
    (word) => {
      expect(printf(quoteForShell(word))).toBe(`${word}\n`)
    },
  )
})

describe('formatShellCommand', () => {
  it('is one command on several lines', () => {
    expect(printf(formatShellCommand(['a', '--b c'], ['d']))).toBe('a\n--b c\nd\n')
  })
})

describe('formatProcessLine', () => {
  it('quotes words with spaces, in the one way that all SDKs know', () => {
    const line = formatProcessLine(['/opt/my tools/countersign', '--id', 'spiffe://example.org/app'])
    expect(line).toBe('"/opt/my tools/countersign" --id spiffe://example.org/app')
    expect(printf(line)).toBe('/opt/my tools/countersign\n--id\nspiffe://example.org/app\n')
  })

  it('lets nothing through that one of them would act on', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 4 }), (word) => {
        let line: string
        try {
          line = formatProcessLine([word])
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_CLOUD_ARGUMENT' })
          return
        }
        expect(line).toMatch(/^(?:[A-Za-z0-9_.,:/@=+-]+|"[A-Za-z0-9_.,:/@=+ -]+")$/)
      }),
    )
    for (const word of ['$HOME', '`id`', 'a;b', 'a"b', "a'b", 'a\\b', 'a\nb', 'a#b', '~', '']) {
      expect(() => formatProcessLine([word])).toThrow(expect.objectContaining({ code: 'ERR_CLOUD_ARGUMENT' }))
    }
  })
})
