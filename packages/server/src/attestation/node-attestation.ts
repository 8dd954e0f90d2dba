import type { AttestRequest } from '@countersign/api'
import { AttestationError, type Clock, type ServerNodeAttestor } from '@countersign/plugin-kit'
import { errorCode, parsePublicJwk, spiffeId } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import { RefusalLimit } from '../audit/refusal-limit.ts'
import type { IssuedX509, SvidIssuer } from '../issuance/svid-issuer.ts'
import { AGENT_PATH } from '../registration/entry-parent.ts'
import type { NodeStore } from '../store/node-store.ts'
import type { JoinTokenHold, JoinTokens } from './join-tokens.ts'
import { NodeError } from './node-error.ts'

const MAX_EVIDENCE_BYTES = 65_536

/** A node whose certificate was verified and still stands. */
export interface AuthenticatedNode {
  readonly agentId: string
  /** Of the certificate it came with, hexadecimal. */
  readonly serial: string
  /** `notAfter` of that certificate: the last second in which it is good. */
  readonly expiresAt: number
}

export interface NodeAttestationOptions {
  readonly attestors: ReadonlyMap<string, ServerNodeAttestor>
  readonly joinTokens: JoinTokens
  readonly nodes: NodeStore
  readonly issuer: SvidIssuer
  readonly audit: Audit
  readonly clock: Clock
  readonly trustDomain: string
  readonly ttlSeconds: number
}

/** Turns a node's evidence into an identity, and renews it. */
export class NodeAttestation {
  readonly #options: NodeAttestationOptions
  readonly #refusals: RefusalLimit

  constructor(options: NodeAttestationOptions) {
    this.#options = options
    this.#refusals = new RefusalLimit(options.clock)
  }

  /**
   * Evidence is spent in the same change that records the node; whatever fails, it is still good for another attempt. A
   * node whose answer was lost on its way brings the same evidence with the same key again.
   *
   * @throws AttestationError `ERR_ATTESTATION_*`
   * @throws KeyError when the node's key cannot be used
   * @throws NodeError `ERR_NODE_ATTESTOR` when no such attestor is configured
   * @throws NodeError `ERR_NODE_BANNED`
   */
  async attest(request: AttestRequest): Promise<IssuedX509> {
    const hold = this.#options.joinTokens.hold(request.publicKey)
    try {
      return await this.#attest(request, hold)
    } catch (error) {
      const attestor = this.#options.attestors.has(request.attestor) ? request.attestor : 'unknown'
      this.#reportRefusal(attestor, errorCode(error) ?? 'ERR_HTTP_INTERNAL')
      throw error
    } finally {
      hold.release()
    }
  }

  /** @throws NodeError `ERR_NODE_BANNED`, `ERR_NODE_UNKNOWN` when that changed meanwhile */
  async renew(node: AuthenticatedNode, publicKey: unknown): Promise<IssuedX509> {
    const { nodes, audit } = this.#options
    const svid = await this.#issue(node.agentId, publicKey)
    await nodes.recordRenewed(node.agentId, node.serial, svid)
    audit.nodeRenewed({ agentId: node.agentId, serial: svid.serial })
    return svid
  }

  async #attest({ attestor: name, evidence, publicKey }: AttestRequest, hold: JoinTokenHold): Promise<IssuedX509> {
    const { attestors, nodes, audit, trustDomain } = this.#options
    const attestor = attestors.get(name)
    if (attestor === undefined) throw new NodeError('ERR_NODE_ATTESTOR', 'node attestor is not configured')
    if (Buffer.byteLength(JSON.stringify(evidence) ?? '') > MAX_EVIDENCE_BYTES) {
      throw new AttestationError('ERR_ATTESTATION_TOO_LARGE', `evidence is larger than ${MAX_EVIDENCE_BYTES} bytes`)
    }
    const jwk = parsePublicJwk(publicKey)
    const judged = await attestor.judge(evidence, hold)
    const agentId = spiffeId(trustDomain, `${AGENT_PATH}${judged.agentPath}`).toString()
    // Signed before it is recorded: a failure here must not cost the node its token. Nothing leaves until it is recorded.
    const svid = await this.#issue(agentId, jwk)
    const { serial, authorityId, expiresAt } = svid
    const node = { agentId, attestor: name, selectors: judged.selectors, serial, authorityId, expiresAt }
    await nodes.recordAttested(node, hold)
    audit.nodeAttested({ agentId, attestor: name, serial })
    return svid
  }

  /** Anyone who can connect gets this far. */
  #reportRefusal(attestor: string, code: string): void {
    const more = this.#refusals.admit(`${attestor} ${code}`)
    if (more === undefined) return
    this.#options.audit.nodeAttestationRefused({ attestor, code, ...(more === 0 ? {} : { more }) })
  }

  #issue(agentId: string, publicKey: unknown): Promise<IssuedX509> {
    const { issuer, ttlSeconds } = this.#options
    return issuer.issueX509({ kind: 'agent-svid', spiffeId: agentId, publicKey, ttlSeconds, agentId })
  }
}
