import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { lockFolder } from './folder-lock.ts'

const HOLDER = fileURLToPath(new URL('../test-support/hold-folder.ts', import.meta.url))

describe('lockFolder', () => {
  it('gives a folder to one at a time, and names who has it', async () => {
    const folder = await temporaryFolder()
    const release = lockFolder(folder)
    expect(() => lockFolder(folder)).toThrow(
      expect.objectContaining({
        code: 'ERR_AGENT_STATE_LOCKED',
        detail: `${folder} is in use by process ${process.pid}`,
      }),
    )
    release()
    const again = lockFolder(folder)
    release()
    expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: 'ERR_AGENT_STATE_LOCKED' }))
    again()
    const file = join(folder, 'agent.lock')
    expect(readFileSync(file, 'utf8')).toBe(`${process.pid}\n`)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('is free again when the process that had it was killed', async () => {
    const folder = await temporaryFolder()
    const holder = spawn(process.execPath, [HOLDER, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void holder.kill('SIGKILL'))
    await once(holder.stdout, 'data')
    expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: 'ERR_AGENT_STATE_LOCKED' }))
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    lockFolder(folder)()
  })

  it('refuses what it cannot lock', async () => {
    const folder = await temporaryFolder()
    const unusable = expect.objectContaining({ code: 'ERR_AGENT_STATE_FOLDER' })
    expect(() => lockFolder(join(folder, 'missing'))).toThrow(unusable)
    mkdirSync(join(folder, 'a', 'agent.lock'), { recursive: true })
    expect(() => lockFolder(join(folder, 'a'))).toThrow(unusable)
    mkdirSync(join(folder, 'b'))
    symlinkSync(join(folder, 'a'), join(folder, 'b', 'agent.lock'))
    expect(() => lockFolder(join(folder, 'b'))).toThrow(unusable)
  })
})
