import type { AttestRequest } from '@countersign/api'
import { AttestationError, type NodeAttestorHost, type ServerNodeAttestor } from '@countersign/plugin-kit'
import { errorCode, parsePublicJwk, spiffeId } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import type { IssuedX509, SvidIssuer } from '../issuance/svid-issuer.ts'
import { AGENT_PATH } from '../registration/validate-entry.ts'
import type { NodeStore } from '../store/node-store.ts'
import { NodeError } from './node-error.ts'

const MAX_EVIDENCE_BYTES = 65_536

/** A node whose certificate was verified and still stands. */
export interface AuthenticatedNode {
  readonly agentId: string
  /** Of the certificate it came with, hexadecimal. */
  readonly serial: string
  /** End of that certificate. */
  readonly expiresAt: number
}

export interface NodeAttestationOptions {
  readonly attestors: ReadonlyMap<string, ServerNodeAttestor>
  readonly host: NodeAttestorHost
  readonly nodes: NodeStore
  readonly issuer: SvidIssuer
  readonly audit: Audit
  readonly trustDomain: string
  readonly ttlSeconds: number
}

/** Turns a node's evidence into an identity, and renews it. */
export class NodeAttestation {
  readonly #options: NodeAttestationOptions

  constructor(options: NodeAttestationOptions) {
    this.#options = options
  }

  /**
   * @throws AttestationError `ERR_ATTESTATION_*`
   * @throws KeyError when the node's key cannot be used; the evidence is not spent then
   * @throws NodeError `ERR_NODE_ATTESTOR` when no such attestor is configured
   * @throws NodeError `ERR_NODE_BANNED`
   */
  async attest(request: AttestRequest): Promise<IssuedX509> {
    try {
      return await this.#attest(request)
    } catch (error) {
      const attestor = this.#options.attestors.has(request.attestor) ? request.attestor : 'unknown'
      this.#options.audit.nodeAttestationRefused({ attestor, code: errorCode(error) ?? 'ERR_HTTP_INTERNAL' })
      throw error
    }
  }

  /** @throws NodeError `ERR_NODE_BANNED`, `ERR_NODE_UNKNOWN` when that changed meanwhile */
  async renew(node: AuthenticatedNode, publicKey: unknown): Promise<IssuedX509> {
    const { nodes, audit } = this.#options
    const svid = await this.#issue(node.agentId, publicKey)
    await nodes.recordRenewed(node.agentId, node.serial, svid.serial, svid.expiresAt)
    audit.nodeRenewed({ agentId: node.agentId, serial: svid.serial })
    return svid
  }

  async #attest({ attestor: name, evidence, publicKey }: AttestRequest): Promise<IssuedX509> {
    const { attestors, host, nodes, audit, trustDomain } = this.#options
    const attestor = attestors.get(name)
    if (attestor === undefined) throw new NodeError('ERR_NODE_ATTESTOR', 'node attestor is not configured')
    if (Buffer.byteLength(JSON.stringify(evidence) ?? '') > MAX_EVIDENCE_BYTES) {
      throw new AttestationError('ERR_ATTESTATION_TOO_LARGE', `evidence is larger than ${MAX_EVIDENCE_BYTES} bytes`)
    }
    // Before the evidence is judged: judging spends a join token, and a wrong key should not.
    const jwk = parsePublicJwk(publicKey)
    const judged = await attestor.judge(evidence, host)
    const agentId = spiffeId(trustDomain, `${AGENT_PATH}${judged.agentPath}`).toString()
    const svid = await this.#issue(agentId, jwk)
    const { serial, expiresAt } = svid
    await nodes.recordAttested({ agentId, attestor: name, selectors: judged.selectors, serial, expiresAt })
    audit.nodeAttested({ agentId, attestor: name, serial })
    return svid
  }

  #issue(agentId: string, publicKey: unknown): Promise<IssuedX509> {
    const { issuer, ttlSeconds } = this.#options
    return issuer.issueX509({ kind: 'agent-svid', spiffeId: agentId, publicKey, ttlSeconds, agentId })
  }
}
