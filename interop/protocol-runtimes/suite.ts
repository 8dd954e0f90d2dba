import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { parseCheck } from '../support/check-report.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import { installRuntime, RUNTIMES } from './runtimes.ts'

const CHECKS = new URL('checks.ts', import.meta.url)
const PROTOCOL = new URL('../../packages/protocol/dist/', import.meta.url)
const TIMEOUT_MS = 120_000

/** `protocol` with its Web Cryptography backend, as it is built, on runtimes that are not the Node it is developed on. */
export const suite: InteropSuite = {
  async missing() {
    return existsSync(new URL('keys-web/index.js', PROTOCOL)) ? undefined : 'packages/protocol is not built'
  },

  async run(context) {
    const { processes, report, temporaryFolder } = context
    const script = join(temporaryFolder, 'checks.mjs')
    await writeFile(script, stripTypeScriptTypes(await readFile(CHECKS, 'utf8')))
    await runChecks(context, 'node', process.execPath, [script])
    for (const runtime of RUNTIMES) {
      const found = await installRuntime(processes, runtime, join(temporaryFolder, runtime.name.replace(' ', '-')))
      if ('missing' in found) report.skip(`protocol-runtimes ${runtime.name}`, found.missing)
      else await runChecks(context, runtime.name, found.program, [...runtime.args, script])
    }
  },
}

async function runChecks(
  { processes, report }: SuiteContext,
  name: string,
  program: string,
  args: readonly string[],
): Promise<void> {
  const version = await processes.run(program, ['--version'], { timeoutMs: TIMEOUT_MS })
  report.add({
    check: `${name} answers`,
    ok: version.exitCode === 0,
    detail: version.stdout.trim().split('\n')[0] ?? '',
  })
  const { exitCode, stdout, stderr } = await processes.run(program, [...args, PROTOCOL.href], { timeoutMs: TIMEOUT_MS })
  const checks = stdout.split('\n').flatMap((line) => parseCheck(line) ?? [])
  for (const { check, ok, detail } of checks) report.add({ check: `${name}: ${check}`, ok, detail })
  if (checks.length === 0)
    throw new Error(`${name} reported nothing, exit status ${exitCode}: ${stderr.slice(0, 2000)}`)
  const expected = checks.every(({ ok }) => ok) ? 0 : 1
  if (exitCode !== expected) {
    throw new Error(`${name} ended with ${exitCode}, its checks say ${expected}: ${stderr.slice(0, 2000)}`)
  }
}
