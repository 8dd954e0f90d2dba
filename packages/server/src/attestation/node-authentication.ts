import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import { BACKDATE_SECONDS } from '../issuance/backdate.ts'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import { AGENT_PATH } from '../registration/entry-parent.ts'
import type { Authority } from '../store/authority-store.ts'
import type { NodeStore } from '../store/node-store.ts'
import { OwnSvidVerifier, type OwnSvidVerifierOptions } from '../tls/own-svid-verifier.ts'
import { readPeerChain } from '../tls/peer-chain.ts'
import type { AuthenticatedNode } from './node-attestation.ts'
import { NodeError } from './node-error.ts'

export interface NodeAuthenticationOptions extends OwnSvidVerifierOptions {
  readonly nodes: NodeStore
  readonly audit: Audit
  readonly clock: Clock
  readonly gate: Pick<IssuanceGate, 'adopts' | 'requireOpen'>
}

/** Finds out which node is at the other end of a TLS connection, by the X509-SVID it shows. */
export class NodeAuthentication {
  readonly #options: NodeAuthenticationOptions
  /** What a connection's certificate proved. Whether that still stands is asked for every request. */
  readonly #verified = new WeakMap<TLSSocket, { readonly node: AuthenticatedNode; readonly by: readonly Authority[] }>()
  readonly #verifier: OwnSvidVerifier

  constructor(options: NodeAuthenticationOptions) {
    this.#options = options
    this.#verifier = new OwnSvidVerifier(options)
  }

  /**
   * @throws NodeError `ERR_NODE_NO_CERTIFICATE`, `ERR_NODE_CERTIFICATE` when the certificate is not that of an agent of
   *   this trust domain or has expired
   * @throws NodeError `ERR_NODE_UNKNOWN`, `ERR_NODE_BANNED` when the node does not, or no longer, stand
   * @throws HoldError `ERR_HOLD_RESTORED` when the certificate shows that this server has lost its memory of it
   */
  async authenticate(socket: TLSSocket): Promise<AuthenticatedNode> {
    const { nodes, audit, clock, authorities } = this.#options
    const by = authorities()
    const known = this.#verified.get(socket)
    // An authority that was revoked since vouches for nobody, on open connections neither.
    const node = known !== undefined && known.by === by ? known.node : await this.#verify(socket)
    this.#verified.set(socket, { node, by })
    if (node.expiresAt < clock.now()) throw new NodeError('ERR_NODE_CERTIFICATE', 'client certificate has expired')
    try {
      await nodes.requireCurrent(node.agentId, node.serial)
    } catch (error) {
      if (errorCode(error) === 'ERR_NODE_UNKNOWN' && (await this.#isAdopted(node, socket))) return node
      const code = errorCode(error)
      if (code !== undefined) audit.nodeRefused({ agentId: node.agentId, code })
      throw error
    }
    return node
  }

  /** A certificate that one of the own authorities signed and nobody here remembers says something about this server. */
  async #isAdopted({ agentId, serial, expiresAt }: AuthenticatedNode, socket: TLSSocket): Promise<boolean> {
    const { authorities, gate } = this.#options
    const leaf = new X509Certificate(readPeerChain(socket)[0] ?? new Uint8Array())
    // Not what a server below this one signed: its records are not here.
    const signer = authorities().find(
      ({ certificate }) => certificate !== undefined && leaf.checkIssued(new X509Certificate(certificate)),
    )
    if (signer === undefined) return false
    const issuedAt = Math.floor(leaf.validFromDate.getTime() / 1000) + BACKDATE_SECONDS
    return gate.adopts({ agentId, serial, authorityId: signer.id, issuedAt, expiresAt })
  }

  async #verify(socket: TLSSocket): Promise<AuthenticatedNode> {
    const chain = readPeerChain(socket)
    if (chain.length === 0) throw new NodeError('ERR_NODE_NO_CERTIFICATE', 'client certificate is missing')
    try {
      const { id, expiresAt, leaf } = await this.#verifier.verify(chain, this.#options.clock.now())
      if (!id.path.startsWith(`${AGENT_PATH}/`)) {
        throw new NodeError('ERR_NODE_CERTIFICATE', 'client certificate is not that of an agent')
      }
      return { agentId: id.toString(), serial: Buffer.from(leaf.serial).toString('hex'), expiresAt }
    } catch (cause) {
      if (cause instanceof NodeError || errorCode(cause) === undefined) throw cause
      const context = { detail: errorCode(cause) ?? '', cause }
      throw new NodeError('ERR_NODE_CERTIFICATE', 'client certificate cannot be verified', context)
    }
  }
}
