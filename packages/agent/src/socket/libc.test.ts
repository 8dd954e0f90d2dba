import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { closeDescriptor, hasProcessEnded, openPidfd } from './libc.ts'

it('does not take a signal to this program for the end of another', async () => {
  const pidfd = openPidfd(process.pid)
  if (typeof pidfd !== 'number') throw new Error('this kernel has no pidfds')
  let signals = 0
  const count = () => {
    signals += 1
  }
  process.on('SIGUSR2', count)
  const script = 'while kill -USR2 "$0" 2>/dev/null; do :; done'
  const child = spawn('sh', ['-c', script, String(process.pid)], { stdio: 'ignore' })
  onTestFinished(() => {
    closeDescriptor(pidfd)
    // A signal that is still on its way would end this program.
    child.once('close', () => process.off('SIGUSR2', count))
    child.kill('SIGKILL')
    return once(child, 'close').then(() => {})
  })
  let ended = 0
  for (let round = 0; round < 5000 && signals < 1000; round++) {
    for (let call = 0; call < 1000; call++) if (hasProcessEnded(pidfd)) ended += 1
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(signals).toBeGreaterThan(0)
  expect(ended).toBe(0)
})
