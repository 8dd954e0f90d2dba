import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { findProcess, rejectOtherPidNamespace } from './running-process.ts'

describe('findProcess', () => {
  it('sees a process as the kernel would name it if it connected', async () => {
    const { peer, program, namespacePids } = await findProcess(process.pid)
    expect(peer).toMatchObject({ pid: process.pid, uid: process.geteuid?.(), gid: process.getegid?.() })
    expect(peer.isAlive()).toBe(true)
    expect(program).toBe(process.execPath)
    expect(namespacePids?.[0] ?? process.pid).toBe(process.pid)
  })

  it('says that there is no such process', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'close')
    await expectCode(findProcess(child.pid ?? 0), 'ERR_OPERATOR_NO_PROCESS')
    await expectCode(findProcess(4_194_305), 'ERR_OPERATOR_NO_PROCESS')
  })

  it('does not take a thread for a process', async () => {
    const thread = readdirSync('/proc/self/task')
      .map(Number)
      .find((id) => id !== process.pid)
    await expectCode(findProcess(thread ?? 0), 'ERR_OPERATOR_THREAD')
  })

  it('notices that the pid was handed on while it looked', async () => {
    const starts = ['1', '2']
    await expectCode(
      findProcess(process.pid, () => starts.shift()),
      'ERR_OPERATOR_PROCESS_GONE',
    )
  })

  it('notices that the process ended while it looked', async () => {
    const starts = ['1', undefined]
    await expectCode(
      findProcess(process.pid, () => starts.shift()),
      'ERR_OPERATOR_PROCESS_GONE',
    )
    await expectCode(
      findProcess(4_194_305, () => '1'),
      'ERR_OPERATOR_PROCESS_GONE',
    )
  })
})

describe('rejectOtherPidNamespace', () => {
  const asker = { pid: 7, uid: 0, gid: 0, startTime: '1', isAlive: () => true }

  it('refuses who counts processes in another way', async () => {
    await expectCode(() => rejectOtherPidNamespace(asker, () => false), 'ERR_OPERATOR_PID_NAMESPACE')
  })

  it('finds this process in its own namespace', () => {
    expect(() => rejectOtherPidNamespace({ ...asker, pid: process.pid })).not.toThrow()
  })
})
