import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buildCaCertificate, encodePem, issueTlsCertificate, randomSerial, X509Issuer } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { onTestFinished } from 'vitest'
import { privateKeyPem } from '../files/pem.ts'

export interface HttpsServer {
  readonly url: string
  /** PEM of the root that its certificate leads to. */
  readonly roots: string
  /** What was asked: method, path and body. */
  readonly asked: readonly string[]
}

type Answer = (request: { readonly method: string; readonly path: string; readonly body: string }) => {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** A server on a loopback address under a root of its own, until the running test ends. */
export async function startHttpsServer(answer: Answer): Promise<HttpsServer> {
  const { roots, ...credential } = await makeCredential()
  const asked: string[] = []
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const [method, path] = [request.method ?? '', request.url ?? '']
    asked.push(`${method} ${path} ${body}`.trim())
    const { status = 200, headers = {}, body: text } = answer({ method, path, body })
    response.writeHead(status, headers).end(text)
  }
  const server = createServer(credential, serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, roots, asked }
}

async function makeCredential() {
  const now = Math.floor(Date.now() / 1000)
  const times = { notBefore: now - 60, notAfter: now + 3_600 }
  const rootKey = generateSigningKey('ES256')
  const certificate = await buildCaCertificate({
    ...{ key: rootKey, crypto: nodeCrypto, trustDomain: 'web.example', ...times },
    subject: { commonName: 'web root' },
    serial: randomSerial(nodeCrypto),
  })
  const key = generateSigningKey('ES256')
  const leaf = await issueTlsCertificate({
    issuer: new X509Issuer({ certificate, key: rootKey }),
    publicKeySpki: await nodeCrypto.exportSpki(key.publicJwk),
    ...{ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], ...times },
    serial: randomSerial(nodeCrypto),
  })
  return { key: privateKeyPem(key.exportPkcs8()), cert: encodePem([leaf]), roots: encodePem([certificate]) }
}
