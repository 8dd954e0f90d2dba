import { parseCheck } from './check-report.ts'
import type { SuiteContext } from './interop-suite.ts'

/** How to start a program that prints its checks, one JSON object per line, and exits 1 when one failed. */
export interface ForeignClient {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/**
 * Runs it to its end and reports what it printed.
 *
 * @throws Error when it reported nothing, or when its exit status and its checks do not agree
 */
export async function runForeignClient(
  { processes, report }: Pick<SuiteContext, 'processes' | 'report'>,
  { command, args, env = {}, timeoutMs }: ForeignClient,
): Promise<void> {
  const { exitCode, stdout, stderr } = await processes.run(command, args, { env, timeoutMs })
  const checks = stdout.split('\n').flatMap((line) => parseCheck(line) ?? [])
  for (const check of checks) report.add(check)
  const said = stderr.trim().slice(-4000)
  if (checks.length === 0) throw new Error(`client reported nothing, exit status ${exitCode}: ${said}`)
  const expected = checks.every(({ ok }) => ok) ? 0 : 1
  if (exitCode !== expected) throw new Error(`client ended with ${exitCode}, its checks say ${expected}: ${said}`)
}
