import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buildCaCertificate, encodePem, issueTlsCertificate, randomSerial } from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'

export interface HttpsServer {
  readonly origin: string
  /** PEM of the root its certificate leads to. */
  readonly rootPem: string
  stop(): void
}

const HOUR_SECONDS = 3600

/** A server on a free port of loopback, with a certificate of a root of its own. */
export async function startHttpsServer(
  answer: (request: IncomingMessage, response: ServerResponse, origin: string) => void,
): Promise<HttpsServer> {
  const now = Math.floor(Date.now() / 1000)
  const validity = { notBefore: now - HOUR_SECONDS, notAfter: now + HOUR_SECONDS }
  const [rootKey, key] = [generateSigningKey('ES256'), generateSigningKey('ES256')] as const
  const root = await buildCaCertificate({
    key: rootKey,
    crypto,
    subject: { commonName: 'Example' },
    trustDomain: 'cluster.example',
    serial: randomSerial(crypto),
    ...validity,
  })
  const certificate = await issueTlsCertificate({
    issuer: { certificate: root, key: rootKey },
    publicKeySpki: await crypto.exportSpki(key.publicJwk),
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    serial: randomSerial(crypto),
    ...validity,
  })
  const pkcs8 = Buffer.from(key.exportPkcs8()).toString('base64')
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`
  const server = createServer({ key: keyPem, cert: encodePem([certificate]) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.on('request', (request, response) => answer(request, response, origin))
  return {
    origin,
    rootPem: encodePem([root]),
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}
