import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { errorCode } from '@countersign/protocol'
import type { Workload } from '@countersign/sdk'
import type { SuiteContext } from '../support/interop-suite.ts'
import type { CredentialFiles } from './identities.ts'

const TIMEOUT_MS = 15_000

export interface ForeignClients {
  readonly roots: string
  readonly given: CredentialFiles
  readonly forged: CredentialFiles
}

/** `openssl s_client` and curl as clients of a server of ours. */
export async function checkOurServer(
  { processes, report, temporaryFolder }: SuiteContext,
  workload: Workload,
  { roots, given, forged }: ForeignClients,
): Promise<void> {
  const mutualTls = await workload.mutualTls()
  const refusals: string[] = []
  const onRejectedPeer = (error: unknown) => refusals.push(errorCode(error) ?? 'system error')
  let handled = 0
  const answer = (_request: unknown, response: { end: (text: string) => void }) => {
    handled += 1
    response.end('handled\n')
  }
  const servers: Server[] = [
    mutualTls.createHttpsServer({ onRejectedPeer }, answer),
    mutualTls.createHttp2Server({ onRejectedPeer, allowHTTP1: true }, answer),
  ]
  const [http1, http2] = (await Promise.all(servers.map(listen))) as [number, number]

  const sClient = (options: readonly string[]) => {
    const words = ['openssl', 's_client', '-connect', `localhost:${http1}`, '-quiet', '-CAfile', roots, ...options]
    const request = 'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n'
    return processes.run('sh', ['-c', `printf '${request}' | "$@"`, 'sh', ...words], { timeoutMs: TIMEOUT_MS })
  }
  const curl = (port: number, options: readonly string[]) =>
    processes.run('curl', ['-sS', '--cacert', roots, ...options, `https://localhost:${port}/`], {
      timeoutMs: TIMEOUT_MS,
    })

  const served = async (check: string, call: () => ReturnType<typeof sClient>) => {
    const before = handled
    const { stdout, stderr } = await call()
    const ok = stdout.includes('handled') && handled === before + 1
    report.add({ check, ok, detail: ok ? 'answered' : `not answered: ${stderr.trim()} ${refusals.join()}` })
  }
  const refused = async (check: string, code: string, call: () => ReturnType<typeof sClient>) => {
    const before = handled
    refusals.length = 0
    const { stdout } = await call()
    const ok = handled === before && !stdout.includes('handled') && refusals.join() === code
    report.add({ check, ok, detail: `${refusals.join() || 'let in'}` })
  }

  try {
    for (const version of ['-tls1_2', '-tls1_3']) {
      const shown = (files: CredentialFiles) => [version, '-cert', files.certificate, '-key', files.key]
      const strict = ['-verify_return_error', '-verify_hostname', 'localhost']
      await served(`s_client ${version} with its identity`, () => sClient([...shown(given), ...strict]))
      await refused(`s_client ${version} without a certificate`, 'ERR_TLS_NO_CERTIFICATE', () => sClient([version]))
      await refused(`s_client ${version} with a forged one`, 'ERR_CERTIFICATE_UNTRUSTED', () => sClient(shown(forged)))
      const session = join(temporaryFolder, `session${version}`)
      await served(`s_client ${version} asks for a session`, () => sClient([...shown(given), '-sess_out', session]))
      if (existsSync(session)) {
        await refused(`s_client ${version} with that session alone`, 'ERR_TLS_NO_CERTIFICATE', () =>
          sClient([version, '-sess_in', session]),
        )
      } else {
        report.add({ check: `s_client ${version} gets no session to come back with`, ok: true, detail: 'none' })
      }
    }
    await refused('s_client with TLS 1.1', 'ERR_TLS_HANDSHAKE', () =>
      sClient(['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0']),
    )
    const shown = (files: CredentialFiles) => ['--cert', files.certificate, '--key', files.key]
    await served('curl with its identity, HTTP/1.1', () => curl(http1, ['--http1.1', ...shown(given)]))
    await served('curl with its identity, HTTP/2', () => curl(http2, ['--http2', ...shown(given)]))
    await refused('curl without a certificate', 'ERR_TLS_NO_CERTIFICATE', () => curl(http1, []))
    await refused('curl with a forged one', 'ERR_CERTIFICATE_UNTRUSTED', () => curl(http2, shown(forged)))
  } finally {
    for (const server of servers) server.close()
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
