import type { TLSSocket } from 'node:tls'
import type { Clock } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { NodeError } from '../attestation/node-error.ts'
import type { Audit } from '../audit/audit.ts'
import type { DownstreamEntries } from '../store/downstream-entries.ts'
import { OwnSvidVerifier, type OwnSvidVerifierOptions } from '../tls/own-svid-verifier.ts'
import { readPeerChain } from '../tls/peer-chain.ts'
import { DownstreamError } from './downstream-error.ts'

export interface DownstreamAuthenticationOptions extends OwnSvidVerifierOptions {
  readonly entries: DownstreamEntries
  readonly audit: Audit
  readonly clock: Clock
}

/** A server below this one, by a workload's certificate that this server signed. */
export interface DownstreamServer {
  readonly spiffeId: string
  /** The node on which it runs. */
  readonly agentId: string
  readonly entryId: string
  /** When its entry ends, if it does. Epoch seconds. */
  readonly endsAt?: number | undefined
}

/** Finds out which server below this one is at the other end of a TLS connection, and whether it still may be one. */
export class DownstreamAuthentication {
  readonly #options: DownstreamAuthenticationOptions
  readonly #verifier: OwnSvidVerifier

  constructor(options: DownstreamAuthenticationOptions) {
    this.#options = options
    this.#verifier = new OwnSvidVerifier(options)
  }

  /**
   * Every request is judged anew, also on an open connection: there are few, and each asks for the right to sign.
   *
   * @throws NodeError `ERR_NODE_NO_CERTIFICATE`, `ERR_NODE_CERTIFICATE`
   * @throws DownstreamError `ERR_DOWNSTREAM_NOT_ENTITLED` unless the certificate is that of an entry with `downstream`, on a
   *   node in good standing, and has not been revoked
   */
  async authenticate(socket: TLSSocket): Promise<DownstreamServer> {
    const { entries, audit, clock } = this.#options
    const chain = readPeerChain(socket)
    if (chain.length === 0) throw new NodeError('ERR_NODE_NO_CERTIFICATE', 'client certificate is missing')
    const now = clock.now()
    const { id, leaf } = await this.#verifier.verify(chain, now).catch((cause: unknown) => {
      if (errorCode(cause) === undefined) throw cause
      const context = { detail: errorCode(cause) ?? '', cause }
      throw new NodeError('ERR_NODE_CERTIFICATE', 'client certificate cannot be verified', context)
    })
    const spiffeId = id.toString()
    const found = await entries.find(spiffeId, Buffer.from(leaf.serial).toString('hex'), now)
    if (found !== undefined) {
      const { agentId, entry } = found
      return { spiffeId, agentId, entryId: entry.id, endsAt: entry.expiresAt }
    }
    const code = 'ERR_DOWNSTREAM_NOT_ENTITLED'
    audit.downstreamRefused({ spiffeId, code })
    throw new DownstreamError(code, 'caller is no server below this one: its entry needs the flag downstream')
  }
}
