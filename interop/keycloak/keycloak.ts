import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askForToken, type TokenReply } from '../support/ask-for-token.ts'
import { hasExited, type Processes } from '../support/processes.ts'
import { until } from '../support/until.ts'
import type { WebCertificate } from '../support/web-certificate.ts'
import { DISTRIBUTION } from './distribution.ts'

const COPY_TIMEOUT_MS = 60_000
/** A server of Java begins by building itself; minutes, on a machine that is busy. */
const START_PATIENCE_MS = 600_000

export interface KeycloakSettings {
  readonly folder: string
  readonly port: number
  readonly httpPort: number
  readonly web: WebCertificate
  /** PEM roots that Keycloak trusts besides those of Java. */
  readonly trustedRootFile: string
  readonly realm: { readonly realm: string }
  readonly adminPassword: string
}

/** Keycloak with one realm, on loopback, over TLS. */
export class Keycloak {
  readonly issuer: string
  readonly #rootFile: string
  readonly #origin: string

  private constructor(origin: string, realm: string, rootFile: string) {
    this.#origin = origin
    this.issuer = `${origin}/realms/${realm}`
    this.#rootFile = rootFile
  }

  static issuerOf(port: number, realm: string): string {
    return `https://127.0.0.1:${port}/realms/${realm}`
  }

  static async start(processes: Processes, settings: KeycloakSettings): Promise<Keycloak> {
    const { folder, port, httpPort, web, trustedRootFile, realm, adminPassword } = settings
    const copied = await processes.run('cp', ['-a', DISTRIBUTION, folder], { timeoutMs: COPY_TIMEOUT_MS })
    if (copied.exitCode !== 0) throw new Error(`cp failed: ${copied.stderr}`)
    await mkdir(join(folder, 'data/import'), { recursive: true })
    await writeFile(join(folder, 'data/import/realm.json'), JSON.stringify(realm), { mode: 0o600 })
    const logFile = join(folder, 'keycloak.log')
    const origin = `https://127.0.0.1:${port}`
    const args = [
      ...[join(folder, 'bin/kc.sh'), 'start-dev', '--import-realm', '--features=spiffe,client-auth-federated'],
      ...['--http-host=127.0.0.1', `--http-port=${httpPort}`, `--https-port=${port}`, `--hostname=${origin}`],
      ...[`--https-certificate-file=${web.certificate}`, `--https-certificate-key-file=${web.key}`],
      ...[`--truststore-paths=${trustedRootFile}`, '--health-enabled=false'],
    ]
    const env = { KC_BOOTSTRAP_ADMIN_USERNAME: 'admin', KC_BOOTSTRAP_ADMIN_PASSWORD: adminPassword }
    const server = processes.start('bash', args, { logFile, env })
    const keycloak = new Keycloak(origin, realm.realm, web.certificate)
    await until(
      async () => {
        const log = await readFile(logFile, 'utf8').catch(() => '')
        if (hasExited(server)) throw new Error(`Keycloak ended:\n${log.slice(-3000)}`)
        return /Listening on:/.test(log)
      },
      'a Keycloak that is ready',
      START_PATIENCE_MS,
    )
    return keycloak
  }

  /** @param realm another than that of the suite */
  ask(form: Readonly<Record<string, string>>, realm?: string): Promise<TokenReply> {
    const issuer = realm === undefined ? this.issuer : `${this.#origin}/realms/${realm}`
    return askForToken(`${issuer}/protocol/openid-connect/token`, form, this.#rootFile)
  }
}
