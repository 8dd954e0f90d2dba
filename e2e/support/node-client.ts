import { decodeBase64, encodePem } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { callHttps, type Reply } from './http.ts'

/** An agent's side of the machine API, as far as scenarios about the server need it. */
export class NodeClient {
  readonly url: string
  tls: { readonly key: string; readonly cert: string } | undefined
  agentId = ''

  constructor(url: string, tls?: { readonly key: string; readonly cert: string }) {
    this.url = url
    this.tls = tls
  }

  async attest(token: string): Promise<Reply> {
    const key = generateSigningKey('ES256')
    const body = { attestor: 'join-token', evidence: { token }, publicKey: key.publicJwk }
    return this.#keep(key, await callHttps(`${this.url}/v1/agent/attest`, { body }))
  }

  async renew(): Promise<Reply> {
    const key = generateSigningKey('ES256')
    return this.#keep(key, await this.call('/v1/agent/renew', { publicKey: key.publicJwk }))
  }

  call(path: string, body?: unknown): Promise<Reply> {
    return callHttps(`${this.url}${path}`, { ...this.tls, body })
  }

  /** @returns serial numbers of the certificates, hexadecimal */
  issueX509(entryIds: readonly string[]): Promise<Reply> {
    const requests = entryIds.map((entryId) => ({ entryId, publicKey: generateSigningKey('ES256').publicJwk }))
    return this.call('/v1/agent/x509-svids', { requests })
  }

  #keep(key: ReturnType<typeof generateSigningKey>, reply: Reply): Reply {
    if (reply.status !== 200) return reply
    const { spiffeId, chain } = reply.body.credential
    this.agentId = spiffeId
    const pkcs8 = Buffer.from(key.exportPkcs8()).toString('base64')
    const pem = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
    this.tls = { key: pem, cert: encodePem(chain.map(decodeBase64)) }
    return reply
  }
}
