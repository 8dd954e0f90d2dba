import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfigFile } from '@countersign/plugin-kit'
import type { ApiServer } from './api-server.ts'

export interface TokenService {
  readonly endpoint: string
  readonly jwksUri: string
  /** PEM file of the root its certificate leads to. */
  readonly rootFile: string
  stop(): Promise<void>
}

const COMMAND = fileURLToPath(import.meta.resolve('countersign')).replace(/dist[\\/]main\.js$/, 'bin/countersign.js')
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** The rest of `server.yaml` that this example looks at. */
interface ServerYaml {
  readonly tokenService: { readonly issuer: string; readonly issuers: readonly object[] }
}

/**
 * Runs the server with `server.yaml` and `exchange-rules.yaml` as they are, but for what is different on this machine: where
 * it keeps its data, where it listens, and which cluster it knows.
 *
 * @param folder for its data
 */
export async function startTokenService(folder: string, cluster: ApiServer): Promise<TokenService> {
  const { tokenService, ...settings } = (await loadConfigFile(here('server.yaml'))) as ServerYaml
  const [issuer] = tokenService.issuers
  const publicPort = await freePort()
  const caFile = join(folder, 'cluster-ca.pem')
  await writeFile(caFile, cluster.caPem)
  await copyFile(here('exchange-rules.yaml'), join(folder, 'exchange-rules.yaml'))
  const config = {
    ...settings,
    dataDir: folder,
    machine: { host: '127.0.0.1', port: 0 },
    public: { host: '127.0.0.1', port: publicPort },
    tokenService: {
      ...tokenService,
      issuers: [{ ...issuer, issuer: cluster.issuer, webRootsFile: caFile, allowedAddresses: ['127.0.0.1'] }],
    },
  }
  const configFile = join(folder, 'server.yaml')
  await writeFile(configFile, JSON.stringify(config))
  const server = spawn(process.execPath, [COMMAND, 'server', 'run', '--config', configFile], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await untilReady(server)
  // Nobody reads on: a pipe that fills up would hold the server up.
  server.stderr?.resume()
  const root = `https://127.0.0.1:${publicPort}/oauth2`
  return {
    endpoint: `${root}/token`,
    jwksUri: `${root}/jwks`,
    rootFile: join(folder, 'public-root.pem'),
    async stop() {
      if (server.exitCode !== null) return
      const closed = once(server, 'close')
      server.kill('SIGTERM')
      await closed
    },
  }
}

function untilReady(server: ChildProcess): Promise<void> {
  let log = ''
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('close', () => reject(new Error(`server ended:\n${log}`)))
    const read = (chunk: Buffer) => {
      log += chunk
      if (!log.includes('server is ready')) return
      server.stderr?.off('data', read)
      resolve()
    }
    server.stderr?.on('data', read)
  })
}

/** The server is told its port, so that the URLs are known before it starts. */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
