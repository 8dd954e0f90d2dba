import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { parseProcessStatus } from './process-status.ts'

const status =
  'Name:\tnode\nUmask:\t0022\nUid:\t1000\t1001\t1002\t1003\nGid:\t2000\t2001\t2002\t2003\nGroups:\t27 100 \nNSpid:\t9\n'

describe('parseProcessStatus', () => {
  it('takes effective ids and groups', () => {
    expect(parseProcessStatus(status)).toEqual({
      effectiveUid: 1001,
      effectiveGid: 2001,
      supplementaryGroups: [27, 100],
    })
  })

  it('takes a process without groups', () => {
    expect(parseProcessStatus(status.replace('27 100 ', ' '))?.supplementaryGroups).toEqual([])
  })

  it('is not misled by a name', () => {
    const hostile = status.replace('node', 'x\\nUid:\\t0\\t0\\t0\\t0 Uid:\t0\t0\t0\t0')
    expect(parseProcessStatus(hostile)?.effectiveUid).toBe(1001)
  })

  it.each(['Uid', 'Gid', 'Groups'])('needs %s', (name) => {
    expect(parseProcessStatus(status.replace(`${name}:`, 'Other:'))).toBe(undefined)
  })

  it('takes its own process', async () => {
    expect(parseProcessStatus(await readFile('/proc/self/status', 'latin1'))?.effectiveUid).toBe(process.geteuid?.())
  })
})
