import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const BIN = fileURLToPath(new URL('../bin/countersign.js', import.meta.url))

/** The binary in a place of its own, as installed beside nothing. */
async function install(): Promise<{ readonly folder: string; readonly bin: string }> {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'bin'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const bin = join(folder, 'bin/countersign.js')
  await copyFile(BIN, bin)
  return { folder, bin }
}

/** Runs the binary under this Node, which claims to be another. */
function runAs(version: string, bin: string, ...args: string[]) {
  const claim = `Object.defineProperty(process, 'versions', { value: { node: '${version}' } })`
  const preload = `data:text/javascript,${encodeURIComponent(claim)}`
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, ['--import', preload, bin, ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr })
    })
  })
}

describe('bin/countersign.js', () => {
  it.each(['20.20.2', '22.17.1', '21.7.0'])('says plainly that Node %s is too old', async (version) => {
    const { bin } = await install()
    expect(await runAs(version, bin, '--version')).toEqual({
      code: 1,
      stdout: '',
      stderr: `countersign needs Node 22.18 or later; this is ${version}\n`,
    })
  })

  it.each(['22.18.0', '24.0.0'])('runs on Node %s', async (version) => {
    const { folder, bin } = await install()
    await mkdir(join(folder, 'dist'))
    await writeFile(join(folder, 'dist/main.js'), 'console.log(process.argv.slice(2).join())')
    expect(await runAs(version, bin, 'entry', 'list')).toEqual({ code: 0, stdout: 'entry,list\n', stderr: '' })
  })

  it('hands over to the Node that is installed beside it, arguments, output and exit status included', async () => {
    const { folder, bin } = await install()
    const other = join(folder, 'node_modules/node/bin/node')
    await mkdir(join(other, '..'), { recursive: true })
    await writeFile(other, '#!/bin/sh\nshift\necho "$@"\nexit 2\n')
    await chmod(other, 0o755)
    expect(await runAs('20.20.2', bin, 'entry', 'frob')).toEqual({ code: 2, stdout: 'entry frob\n', stderr: '' })
  })
})
