import type { NodeSigningKey } from '@countersign/protocol/keys-node'

/** The agent's own X509-SVID and its key: what it shows the server. */
export interface AgentIdentity {
  readonly agentId: string
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  readonly key: NodeSigningKey
  /** When the agent received it. Epoch seconds. */
  readonly issuedAt: number
  readonly expiresAt: number
}
