import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { onTestFinished } from 'vitest'
import { OwnWebRoot } from '../tls/own-web-root.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface WebServer {
  readonly url: string
  /** PEM root of its certificate. */
  readonly webRoots: string
  readonly requests: string[]
}

/** An HTTPS server on this machine with a certificate that is valid now, for `localhost` and 127.0.0.1 only. */
export async function startWebServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  host = '127.0.0.1',
): Promise<WebServer> {
  const dataDir = await temporaryFolder()
  const clock = new FakeClock(Math.floor(Date.now() / 1000))
  const source = new OwnWebRoot({ dataDir, trustDomain: 'web.example', hosts: [], clock, crypto: nodeCrypto })
  const requests: string[] = []
  const server = createServer(await source.load(), (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  const webRoots = await readFile(join(dataDir, 'public-root.pem'), 'utf8')
  const name = host === '127.0.0.1' ? 'localhost' : host
  return { url: `https://${name}:${(server.address() as AddressInfo).port}`, webRoots, requests }
}
