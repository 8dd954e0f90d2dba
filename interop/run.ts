/**
 * Runs every interop suite: foreign clients and servers, in their own language, against ours.
 *
 *     node interop/run.ts [suite ...]
 *
 * The last line is `N passed, N failed, N skipped`; exit status 1 when a check failed.
 */
import { existsSync, readdirSync } from 'node:fs'
import { CheckReport } from './support/check-report.ts'
import type { InteropSuite } from './support/interop-suite.ts'
import { Processes } from './support/processes.ts'
import { runSuite } from './support/run-suite.ts'

const processes = new Processes()
process.once('exit', () => processes.killAll())
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(status))
}

const known = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(`${import.meta.dirname}/${entry.name}/suite.ts`))
  .map(({ name }) => name)
  .sort()
const chosen = process.argv.length > 2 ? process.argv.slice(2) : known
const unknown = chosen.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  console.error(`no such suite: ${unknown.join(', ')}; there is ${known.join(', ')}`)
  process.exit(2)
}

const report = new CheckReport((line) => console.log(line))
for (const name of chosen) {
  console.log(name)
  const { suite } = (await import(`./${name}/suite.ts`)) as { suite: InteropSuite }
  await runSuite(name, suite, processes, report)
}
console.log(report.summary())
process.exitCode = report.failed === 0 ? 0 : 1
