import type { Selector } from './selector.ts'

/** The agent's half: gathers evidence of where this node runs. */
export interface AgentNodeAttestor {
  /**
   * JSON-safe evidence for one attempt. Secret: never logged.
   *
   * @throws AttestationError when this node cannot (or can no longer) prove itself; the message says what it needs
   */
  gatherEvidence(): Promise<unknown>
  /**
   * What an operator has to do when the evidence was not accepted, for the log and `agent status`. Holds no secret.
   *
   * @param agentPath path of the agent's identifier below `/countersign/agent`, when it has had one
   */
  describeNeed?(agentPath: string | undefined): NodeAttestorNeed
}

/** One thing for an operator to do. `command` is a command line, one argument each. */
export interface NodeAttestorNeed {
  readonly say: string
  readonly command?: readonly string[]
}

/** What the server's half concluded. */
export interface AttestedNode {
  /** Path of the agent's identifier below `/countersign/agent`, beginning with "/". */
  readonly agentPath: string
  readonly selectors: readonly Selector[]
  /** Whether the same evidence may attest the node again later. A join token may not. */
  readonly canReattest: boolean
}

export interface RedeemedJoinToken {
  readonly agentPath: string
  /** Values of selectors that the operator gave the token. None begins with "/". */
  readonly selectors?: readonly string[]
}

/** What a server lends its attestors: state that must be changed atomically, beside everything else it stores. */
export interface NodeAttestorHost {
  /**
   * Takes a join token for this attestation. Exactly one of any number of concurrent callers gets its record; all others,
   * and callers with an unknown or expired token, get `undefined`. The token is spent when the node is recorded, and given
   * back when it is not.
   */
  redeemJoinToken(token: string): Promise<RedeemedJoinToken | undefined>
}

/** The server's half: judges evidence. */
export interface ServerNodeAttestor {
  /**
   * @param evidence hostile JSON, at most 64 KiB
   * @throws AttestationError `ERR_ATTESTATION_*`; nothing is recorded then
   */
  judge(evidence: unknown, host: NodeAttestorHost): Promise<AttestedNode>
}
