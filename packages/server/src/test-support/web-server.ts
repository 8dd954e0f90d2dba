import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { OwnWebRoot } from '../tls/own-web-root.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { type Answer, startTlsServer, type TlsServer } from './tls-server.ts'

export interface WebServer extends TlsServer {
  readonly url: string
  /** PEM root of its certificate. */
  readonly webRoots: string
}

/** An HTTPS server on this machine with a certificate that is valid now, for `localhost` and 127.0.0.1 only. */
export async function startWebServer(answer: Answer, host = '127.0.0.1'): Promise<WebServer> {
  const dataDir = await temporaryFolder()
  const clock = new FakeClock(Math.floor(Date.now() / 1000))
  const source = new OwnWebRoot({ dataDir, trustDomain: 'web.example', hosts: [], clock, crypto: nodeCrypto })
  const server = await startTlsServer(await source.load(), answer, host)
  const webRoots = await readFile(join(dataDir, 'public-root.pem'), 'utf8')
  const name = host === '127.0.0.1' ? 'localhost' : host
  return { ...server, url: `https://${name}:${server.port}`, webRoots }
}
