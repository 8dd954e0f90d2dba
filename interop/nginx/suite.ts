import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseCheck } from '../support/check-report.ts'
import { missingProgram } from '../support/debian-package.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { nginxConf } from './nginx-conf.ts'

const TRUST_DOMAIN = 'interop.example'
/** Short, so that every certificate is replaced a few times while requests go through. */
const X509_SVID_TTL_SECONDS = 10
const TRAFFIC_MS = 16_000
const PATIENCE_MS = 30_000

const idOf = (name: string) => `spiffe://${TRUST_DOMAIN}/${name}`
const programPath = (name: string) => fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url))

/** A service of ours behind nginx: proofs through a proxy, and mutual TLS with it on both of its sides. */
export const suite: InteropSuite = {
  // Installing it may start one for the whole machine; ours has a folder and ports of its own.
  missing: ({ processes }) => missingProgram(processes, 'nginx', ['-v'], 'nginx-light'),

  async run({ processes, report, temporaryFolder: folder, startTrustDomain }) {
    const domain = await startTrustDomain(TRUST_DOMAIN)
    const env = { SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket }
    const user = { type: 'unix', value: `uid:${process.getuid?.() ?? 0}` }
    for (const [name, program, dnsNames] of [
      ['orders', 'service', ['orders.interop.example']],
      ['storefront', 'client', []],
      ['nginx', 'keeper', ['nginx.interop.example']],
    ] as const) {
      await domain.register({
        spiffeId: idOf(name),
        selectors: [user, { type: 'unix', value: `script:path:${programPath(program)}` }],
        x509SvidTtl: X509_SVID_TTL_SECONDS,
        ...(dnsNames.length > 0 && { dnsNames: [...dnsNames] }),
      })
    }
    const ports = { proxy: await freePort(), changing: await freePort(), tls: await freePort() }
    const proxy = `http://127.0.0.1:${ports.proxy}`

    processes.start(process.execPath, [programPath('keeper'), folder], { env, logFile: join(folder, 'keeper.log') })
    const serviceLog = join(folder, 'service.log')
    processes.start(process.execPath, [programPath('service'), proxy, TRUST_DOMAIN], { env, logFile: serviceLog })
    const files = {
      certificate: join(folder, 'svid.pem'),
      key: join(folder, 'key.pem'),
      roots: join(folder, 'roots.pem'),
    }
    await until(async () => existsSync(files.roots), 'certificates for nginx')
    const listening = await until(async () => portsIn(await readFile(serviceLog, 'utf8')), 'the service')

    const conf = join(folder, 'nginx.conf')
    await writeFile(conf, nginxConf(folder, ports, listening.plain, listening.secure, files))
    const nginx = processes.start('nginx', ['-p', folder, '-e', join(folder, 'nginx-error.log'), '-c', conf], {
      logFile: join(folder, 'nginx.log'),
    })
    await until(async () => existsSync(join(folder, 'nginx.pid')) || nginx.exitCode !== null, 'nginx')

    const options = {
      proxy,
      changing: `http://127.0.0.1:${ports.changing}`,
      tls: `https://127.0.0.1:${ports.tls}`,
      orders: idOf('orders'),
      storefront: idOf('storefront'),
      nginx: idOf('nginx'),
      trafficMs: TRAFFIC_MS,
    }
    const client = await processes.run(process.execPath, [programPath('client'), JSON.stringify(options)], {
      env,
      timeoutMs: TRAFFIC_MS + PATIENCE_MS,
    })
    const checks = client.stdout.split('\n').flatMap((line) => parseCheck(line) ?? [])
    for (const check of checks) report.add(check)
    if (checks.length === 0 || checks.some(({ ok }) => !ok)) {
      const errors = await readFile(join(folder, 'nginx-error.log'), 'utf8').catch(() => '')
      throw new Error(
        `exit status ${client.exitCode}: ${client.stderr.trim()}\n${errors.slice(-2000)}\n${await domain.logTail()}`,
      )
    }
  },
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function portsIn(log: string): { readonly plain: number; readonly secure: number } | undefined {
  const line = log.split('\n').find((text) => text.startsWith('{"plain"'))
  return line === undefined ? undefined : JSON.parse(line)
}

async function until<T>(ask: () => Promise<T | undefined | false>, what: string): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const answer = await ask().catch(() => undefined)
    if (answer) return answer
    if (Date.now() > deadline) throw new Error(`no sign of ${what}`)
    await pause(50)
  }
}
