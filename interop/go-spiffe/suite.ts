import { copyFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseCheck } from '../support/check-report.ts'
import { buildGo, missingGo } from '../support/go-toolchain.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const TRUST_DOMAIN = 'interop.example'
const SPIFFE_ID = `spiffe://${TRUST_DOMAIN}/go/client`

/** Short, so that a rotation arrives while the client watches. */
const X509_SVID_TTL_SECONDS = 6
const CLIENT_TIMEOUT_MS = 90_000

/** A client written with go-spiffe against our Workload API and bundle endpoint. */
export const suite: InteropSuite = {
  missing: ({ processes }) => missingGo(processes, FOLDER),

  async run(context) {
    const client = join(await realpath(context.temporaryFolder), 'go-spiffe-client')
    await buildGo(context.processes, FOLDER, client)
    const trustDomain = await context.startTrustDomain(TRUST_DOMAIN)
    await trustDomain.register({
      spiffeId: SPIFFE_ID,
      selectors: [
        { type: 'unix', value: `path:${client}` },
        { type: 'unix', value: `uid:${process.getuid?.() ?? 0}` },
      ],
      x509SvidTtl: X509_SVID_TTL_SECONDS,
    })
    const env = { SPIFFE_ENDPOINT_SOCKET: trustDomain.endpointSocket }
    const endpoint = [
      ...['-bundle-url', trustDomain.bundleEndpointUrl, '-bundle-root', trustDomain.publicRootFile],
      ...['-spiffe-bundle-url', trustDomain.spiffeBundleEndpointUrl],
    ]
    await runClient(context, client, ['-id', SPIFFE_ID, ...endpoint], env)

    // The same bytes under another path are another program.
    const stranger = join(context.temporaryFolder, 'go-spiffe-stranger')
    await copyFile(client, stranger)
    await runClient(context, stranger, ['-id', SPIFFE_ID, '-unregistered'], env)
  },
}

async function runClient(
  { processes, report }: SuiteContext,
  client: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { exitCode, stdout, stderr } = await processes.run(client, args, { env, timeoutMs: CLIENT_TIMEOUT_MS })
  const checks = stdout.split('\n').flatMap((line) => parseCheck(line) ?? [])
  for (const check of checks) report.add(check)
  if (checks.length === 0) throw new Error(`client reported nothing, exit status ${exitCode}: ${stderr.trim()}`)
  const expected = checks.every(({ ok }) => ok) ? 0 : 1
  if (exitCode !== expected)
    throw new Error(`client ended with ${exitCode}, its checks say ${expected}: ${stderr.trim()}`)
}
