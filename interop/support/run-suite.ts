import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CheckReport } from './check-report.ts'
import type { InteropSuite } from './interop-suite.ts'
import type { Processes } from './processes.ts'
import { type InteropTrustDomain, startTrustDomain } from './trust-domain.ts'

/** Short, because a Unix socket's path has at most 107 bytes. */
const PREFIX = 'countersign-interop-'

/** Runs one suite in a folder of its own. Whatever happens, its processes end and its folder goes. */
export async function runSuite(
  name: string,
  suite: InteropSuite,
  processes: Processes,
  report: CheckReport,
): Promise<void> {
  const temporaryFolder = await mkdtemp(join(tmpdir(), PREFIX))
  const remove = () => rmSync(temporaryFolder, { recursive: true, force: true })
  // A signal ends the run without its `finally`.
  process.once('exit', remove)
  const trustDomains: InteropTrustDomain[] = []
  const failedBefore = report.failed
  try {
    const reason = await suite.missing({ processes })
    if (reason !== undefined) return report.skip(name, reason)
    await suite.run({
      processes,
      report,
      temporaryFolder,
      async startTrustDomain(trustDomain, settings) {
        const started = await startTrustDomain(processes, join(temporaryFolder, trustDomain), trustDomain, settings)
        trustDomains.push(started)
        return started
      },
    })
  } catch (error) {
    report.add({ check: `${name}: suite runs to its end`, ok: false, detail: (error as Error).message })
  } finally {
    if (report.failed > failedBefore) {
      for (const { name: trustDomain, logTail } of trustDomains) {
        console.log(`  logs of ${trustDomain}:\n${(await logTail()).replace(/^/gm, '    ')}`)
      }
    }
    await processes.stopAll()
    process.off('exit', remove)
    remove()
  }
}
