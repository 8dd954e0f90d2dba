import type { AgentCredential, NextStep } from '@countersign/api'
import type { AgentNodeAttestor, Clock } from '@countersign/plugin-kit'
import { decodeBase64, errorCode, verifyX509Svid } from '@countersign/protocol'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { AgentError } from '../agent-error.ts'
import type { ServerClient } from '../server-client/server-client.ts'
import type { AgentIdentity } from '../state/agent-identity.ts'
import type { StateStore } from '../state/state-store.ts'
import type { OwnTrust } from './own-trust.ts'

export interface NodeAttestationOptions {
  readonly attestor: AgentNodeAttestor
  readonly attestorName: string
  readonly server: ServerClient
  readonly trust: OwnTrust
  readonly store: StateStore
  readonly clock: Clock
}

/** Gets the agent its identity: by evidence the first time, by the identity itself from then on. */
export class NodeAttestation {
  readonly #options: NodeAttestationOptions
  /** The key of an attempt that has not been answered. */
  #attempt: NodeSigningKey | undefined

  constructor(options: NodeAttestationOptions) {
    this.#options = options
  }

  /** What an operator has to do when the evidence is not enough. */
  describeNeed(agentId: string | undefined): NextStep {
    const { attestor, attestorName, trust } = this.#options
    const prefix = `spiffe://${trust.trustDomain}/countersign/agent`
    const agentPath = agentId?.startsWith(`${prefix}/`) ? agentId.slice(prefix.length) : undefined
    const need = attestor.describeNeed?.(agentPath)
    if (need === undefined) return { say: `new evidence for node attestor "${attestorName}"` }
    const { say, command } = need
    return { say, ...(command === undefined ? {} : { command: [...command] }) }
  }

  /**
   * Proves to the server where this node runs. The identity is on the disk when this resolves.
   *
   * @throws AttestationError when the node cannot prove itself; the message says what it needs
   * @throws ServerCallError, AgentError `ERR_AGENT_CREDENTIAL`
   */
  async attest(): Promise<AgentIdentity> {
    const { attestor, attestorName, server, store } = this.#options
    const evidence = await attestor.gatherEvidence()
    const key = await this.#attemptKey()
    const answer = await server.attest({ attestor: attestorName, evidence, publicKey: { ...key.publicJwk } })
    const identity = await this.#adopt(answer, key)
    this.#attempt = undefined
    await store.removeAttempt().catch(() => {})
    return identity
  }

  /** The answer may be lost on its way, or this process killed: evidence that is good for one key is shown with it again. */
  async #attemptKey(): Promise<NodeSigningKey> {
    const { store } = this.#options
    this.#attempt ??= await store.loadAttempt()
    if (this.#attempt !== undefined) return this.#attempt
    const key = generateSigningKey('ES256')
    await store.saveAttempt(key)
    this.#attempt = key
    return key
  }

  /** Replaces the identity by one with a new key. The agent stays who it is. */
  async renew(identity: AgentIdentity): Promise<AgentIdentity> {
    const key = generateSigningKey('ES256')
    const renewed = await this.#adopt(await this.#options.server.renew(key.publicJwk), key)
    if (renewed.agentId !== identity.agentId) {
      throw new AgentError('ERR_AGENT_CREDENTIAL', 'server renewed the agent under another identity', {
        detail: `was ${identity.agentId}, got ${renewed.agentId}`,
      })
    }
    return renewed
  }

  async #adopt({ credential, bundle }: AgentCredential, key: NodeSigningKey): Promise<AgentIdentity> {
    const { trust, store, clock } = this.#options
    trust.replace(bundle)
    const chain = credential.chain.map(decodeBase64)
    const { id, expiresAt, spki } = await verifyOwn(chain, trust, clock.now())
    const identity = { agentId: id, chain, key, issuedAt: clock.now(), expiresAt }
    if (id !== credential.spiffeId || Buffer.compare(spki, nodeCrypto.exportSpki(key.publicJwk)) !== 0) {
      throw new AgentError('ERR_AGENT_CREDENTIAL', 'server issued the agent a credential for another key or name')
    }
    await store.saveBundle(bundle)
    await store.saveIdentity(identity)
    return identity
  }
}

/**
 * Verifies what the server issued before relying on it.
 *
 * @throws AgentError `ERR_AGENT_CREDENTIAL` when it is not an agent's X509-SVID under the own roots
 */
export async function verifyOwn(
  chain: readonly Uint8Array[],
  trust: OwnTrust,
  now: number,
): Promise<{ id: string; expiresAt: number; spki: Uint8Array }> {
  const origin = `spiffe://${trust.trustDomain}`
  try {
    const verified = await verifyX509Svid({
      chain,
      roots: (of) => (of === origin ? trust.roots() : undefined),
      now,
      crypto: nodeCrypto,
      // The issuer's clock may be ahead of ours.
      skewSeconds: 60,
    })
    const id = verified.id.toString()
    if (!id.startsWith(`${origin}/countersign/agent/`)) throw new TypeError('not an agent')
    return { id, expiresAt: verified.expiresAt, spki: verified.leaf.spki }
  } catch (cause) {
    throw new AgentError('ERR_AGENT_CREDENTIAL', 'agent has no valid credential', {
      detail: errorCode(cause) ?? 'unexpected identity',
      cause,
    })
  }
}
