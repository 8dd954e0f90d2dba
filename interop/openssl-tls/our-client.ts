import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { errorCode, WorkloadId } from '@countersign/protocol'
import type { Workload } from '@countersign/sdk'
import type { SuiteContext } from '../support/interop-suite.ts'
import type { ForeignClients } from './our-server.ts'

const READY_PATIENCE_MS = 10_000
const READY_POLL_MS = 25

/** A client of ours with `openssl s_server`, which asks for our certificate and believes the roots it is given. */
export async function checkOurClient(
  context: SuiteContext,
  workload: Workload,
  theirs: string,
  { roots, given, forged }: ForeignClients,
): Promise<void> {
  const { report } = context
  const mutualTls = await workload.mutualTls()
  const peer = WorkloadId.parse(theirs)
  const other = WorkloadId.parse(`${theirs}/other`)
  const shows = (files: ForeignClients['given']) => ['-cert', files.certificate, '-key', files.key]

  for (const version of ['-tls1_2', '-tls1_3']) {
    const port = await startServer(context, `good${version}`, [version, ...shows(given), '-CAfile', roots])
    const address = `https://127.0.0.1:${port}/`
    const attempt = async (check: string, expected: string, call: () => Promise<Response>) => {
      const seen = await outcome(call)
      report.add({ check: `s_server ${version}: ${check}`, ok: seen === expected, detail: seen })
    }
    await attempt('reached by its identifier', 'status 200', () => mutualTls.fetch(address, { peer }))
    await attempt('reached by its DNS name', 'status 200', () => mutualTls.fetch(`https://localhost:${port}/`))
    await attempt('refused where another is expected', 'ERR_CERTIFICATE_UNEXPECTED_PEER', () =>
      mutualTls.fetch(address, { peer: other }),
    )
    await attempt('refused where nobody is expected', 'ERR_TLS_NO_EXPECTATION', () => mutualTls.fetch(address))

    const forgedPort = await startServer(context, `forged${version}`, [version, ...shows(forged), '-CAfile', roots])
    await attempt('refused with a forged certificate', 'ERR_CERTIFICATE_UNTRUSTED', () =>
      mutualTls.fetch(`https://127.0.0.1:${forgedPort}/`, { peer }),
    )
    const stranger = await startServer(context, `stranger${version}`, [
      ...[version, ...shows(given)],
      ...['-CAfile', forged.certificate],
    ])
    const seen = await outcome(() => mutualTls.fetch(`https://127.0.0.1:${stranger}/`, { peer }))
    const check = `s_server ${version}: refuses us where it does not know our roots`
    report.add({ check, ok: !seen.startsWith('status'), detail: seen })
  }
}

async function outcome(call: () => Promise<Response>): Promise<string> {
  try {
    const response = await call()
    await response.text()
    return `status ${response.status}`
  } catch (error) {
    return errorCode(error) ?? 'connection failed'
  }
}

/** @returns the port it got */
async function startServer({ processes, temporaryFolder }: SuiteContext, name: string, options: readonly string[]) {
  const logFile = join(temporaryFolder, `s_server-${name}.log`)
  const demand = ['-Verify', '3', '-verify_return_error', '-no-CAfile', '-no-CApath', '-www']
  processes.start('openssl', ['s_server', '-accept', '127.0.0.1:0', ...demand, ...options], { logFile })
  for (let waited = 0; waited < READY_PATIENCE_MS; waited += READY_POLL_MS) {
    const port = /^ACCEPT .*:(\d+)$/m.exec(await readFile(logFile, 'utf8').catch(() => ''))?.[1]
    if (port !== undefined) return Number(port)
    await pause(READY_POLL_MS)
  }
  throw new Error(`openssl s_server did not start: ${await readFile(logFile, 'utf8')}`)
}
