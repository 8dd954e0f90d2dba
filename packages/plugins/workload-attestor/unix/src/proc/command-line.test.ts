import { describe, expect, it } from 'vitest'
import { parseCommandLine } from './command-line.ts'

const parse = (text: string | Buffer, truncated = false) => parseCommandLine(Buffer.from(text as string), truncated)

describe('parseCommandLine', () => {
  it('splits at NUL', () => expect(parse('node\0app.mjs\0--port=1\0')).toEqual(['node', 'app.mjs', '--port=1']))
  it('keeps empty arguments', () => expect(parse('sh\0\0x\0')).toEqual(['sh', '', 'x']))
  it('takes a rewritten one without NULs as one argument', () => {
    expect(parse('nginx: master process app.mjs')).toEqual(['nginx: master process app.mjs'])
  })
  it('is empty for a kernel thread', () => expect(parse('')).toEqual([]))
  it('leaves out an argument that was cut', () => {
    expect(parse('node\0/very/long/app', true)).toEqual(['node'])
    expect(parse('node', true)).toEqual([])
  })
  it('does not guess at bytes that are not UTF-8', () => {
    expect(parse(Buffer.from([0x61, 0, 0xff, 0xfe, 0, 0x62, 0]))).toEqual(['a', undefined, 'b'])
  })
  it('keeps a byte order mark, which is part of a name', () => expect(parse('\uFEFFa\0')).toEqual(['\uFEFFa']))
  it('stops at 4096 arguments', () => expect(parse('a\0'.repeat(100_000)).length).toBe(4096))
  it('takes 1 MB without a NUL', () => expect(parse('x'.repeat(1_000_000), true)).toEqual([]))
})
