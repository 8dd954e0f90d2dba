import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { hasExited, type Processes } from '../support/processes.ts'
import { until } from '../support/until.ts'
import type { KubernetesBinaries } from './kubernetes-build.ts'

const TIMEOUT_MS = 30_000
const ADMIN_TOKEN = 'interop-admin'

/** What signs service account tokens, and which keys are published. Names of PEM files in the cluster's folder. */
export interface ServiceAccountKeys {
  readonly signing: string
  readonly published: readonly string[]
}

/** A control plane of etcd and API server: enough for service accounts and their tokens. There is no node. */
export class Cluster {
  readonly #processes: Processes
  readonly #binaries: KubernetesBinaries
  readonly #folder: string
  readonly #ports: { readonly etcd: number; readonly api: number }
  #apiServer: ChildProcess | undefined

  private constructor(
    processes: Processes,
    binaries: KubernetesBinaries,
    folder: string,
    ports: { readonly etcd: number; readonly api: number },
  ) {
    this.#processes = processes
    this.#binaries = binaries
    this.#folder = folder
    this.#ports = ports
  }

  static async start(
    processes: Processes,
    binaries: KubernetesBinaries,
    folder: string,
    keys: ServiceAccountKeys,
  ): Promise<Cluster> {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'tokens.csv'), `${ADMIN_TOKEN},admin,1,"system:masters"\n`, { mode: 0o600 })
    const cluster = new Cluster(processes, binaries, folder, { etcd: await freePort(), api: await freePort() })
    await cluster.#startEtcd(await freePort())
    await cluster.startApiServer(keys)
    return cluster
  }

  get issuer(): string {
    return `https://127.0.0.1:${this.#ports.api}`
  }

  /** PEM: the API server's certificate and the CA that it made for itself. */
  get caFile(): string {
    return join(this.#folder, 'certs/apiserver.crt')
  }

  /** @returns what it printed @throws Error with what it complained about */
  async kubectl(...args: readonly string[]): Promise<string> {
    const access = [`--server=${this.issuer}`, `--token=${ADMIN_TOKEN}`, `--certificate-authority=${this.caFile}`]
    const env = { KUBECONFIG: join(this.#folder, 'none'), HOME: this.#folder }
    const done = await this.#processes.run(this.#binaries.kubectl, [...access, ...args], { env, timeoutMs: TIMEOUT_MS })
    if (done.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${done.stderr.trim()}`)
    return done.stdout.trim()
  }

  /** @param audience the API server itself without one */
  createToken(namespace: string, serviceAccount: string, audience?: string): Promise<string> {
    const forWhom = audience === undefined ? [] : [`--audience=${audience}`]
    return this.kubectl('create', 'token', serviceAccount, '-n', namespace, '--duration=600s', ...forWhom)
  }

  /** Whether the API server itself, which is asked each time, still knows whom a token is of. */
  async reviewToken(token: string, audience: string): Promise<boolean> {
    const file = join(this.#folder, 'review.json')
    const kind = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' }
    await writeFile(file, JSON.stringify({ ...kind, spec: { token, audiences: [audience] } }), { mode: 0o600 })
    const { status } = JSON.parse(await this.kubectl('create', '-f', file, '-o', 'json'))
    return status.authenticated === true
  }

  async startApiServer({ signing, published }: ServiceAccountKeys): Promise<void> {
    const file = (name: string) => join(this.#folder, name)
    const args = [
      `--etcd-servers=http://127.0.0.1:${this.#ports.etcd}`,
      `--secure-port=${this.#ports.api}`,
      '--bind-address=127.0.0.1',
      `--cert-dir=${file('certs')}`,
      `--service-account-issuer=${this.issuer}`,
      `--service-account-jwks-uri=${this.issuer}/openid/v1/jwks`,
      `--service-account-signing-key-file=${signing}`,
      ...published.map((key) => `--service-account-key-file=${key}`),
      `--token-auth-file=${file('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.0.0.0/24',
      '--anonymous-auth=true',
    ]
    const apiServer = this.#processes.start(this.#binaries.apiServer, args, { logFile: file('apiserver.log') })
    this.#apiServer = apiServer
    await until(async () => {
      if (hasExited(apiServer)) throw new Error(`API server ended:\n${(await this.#log('apiserver.log')).slice(-3000)}`)
      return this.kubectl('get', '--raw', '/readyz').then(
        (answer) => answer === 'ok',
        () => false,
      )
    }, 'an API server that is ready')
  }

  /** At once: asked to end, it waits a minute for its clients. */
  async stopApiServer(): Promise<void> {
    const apiServer = this.#apiServer
    if (apiServer === undefined || hasExited(apiServer)) return
    const closed = once(apiServer, 'close')
    apiServer.kill('SIGKILL')
    await closed
  }

  async #startEtcd(peerPort: number): Promise<void> {
    const client = `http://127.0.0.1:${this.#ports.etcd}`
    const args = [
      ...['--data-dir', join(this.#folder, 'etcd'), '--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
    ]
    const etcd = this.#processes.start('etcd', args, { logFile: join(this.#folder, 'etcd.log') })
    await until(async () => {
      if (hasExited(etcd)) throw new Error(`etcd ended:\n${(await this.#log('etcd.log')).slice(-3000)}`)
      return fetch(`${client}/health`).then(
        ({ ok }) => ok,
        () => false,
      )
    }, 'an etcd that is ready')
  }

  #log(name: string): Promise<string> {
    return readFile(join(this.#folder, name), 'utf8').catch(() => '')
  }
}
