import type { SyncState } from '@countersign/api'
import { decodeBase64, encodePem } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { encodeKeyPem } from '../tls/tls-credential.ts'
import { EventSource } from './event-source.ts'
import { type Call, callHttps, type Reply } from './http-call.ts'

/** The client's side of the machine API, as far as tests need it. */
export class TestAgent {
  readonly url: string
  tls: { readonly key: string; readonly cert: string } | undefined
  agentId = ''

  constructor(url: string) {
    this.url = url
  }

  /** Attests with a join token and keeps the credential when that worked. */
  async attest(token: string): Promise<Reply> {
    const key = generateSigningKey('ES256')
    const body = { attestor: 'join-token', evidence: { token }, publicKey: key.publicJwk }
    const reply = await callHttps(`${this.url}/v1/agent/attest`, { body })
    if (reply.status === 200) this.#keep(key, reply)
    return reply
  }

  /** Renews; the new credential is kept unless `isLost`, as when the answer never arrives. */
  async renew(isLost = false): Promise<Reply> {
    const key = generateSigningKey('ES256')
    const reply = await this.call('/v1/agent/renew', { body: { publicKey: key.publicJwk } })
    if (reply.status === 200 && !isLost) this.#keep(key, reply)
    return reply
  }

  call(path: string, call: Call = {}): Promise<Reply> {
    return callHttps(`${this.url}${path}`, { ...this.tls, ...call })
  }

  /** @param known what the agent says it has from before */
  events(known?: SyncState): Promise<EventSource> {
    if (this.tls === undefined) throw new Error('agent has no credential')
    return EventSource.open(`${this.url}/v1/agent/events`, this.tls, known)
  }

  #keep(key: ReturnType<typeof generateSigningKey>, reply: Reply): void {
    const { spiffeId, chain } = reply.body.credential
    this.agentId = spiffeId
    this.tls = { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem(chain.map(decodeBase64)) }
  }
}
