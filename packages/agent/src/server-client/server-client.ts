import type { AgentCredential, AttestRequest, SyncState, TaintReport, Token, X509Credential } from '@countersign/api'
import type { PublicJwk } from '@countersign/protocol'

/**
 * What the agent asks of its server. All calls but `attest` show the agent's X509-SVID.
 *
 * Every method throws `ServerCallError` `ERR_AGENT_SERVER_*`, after a time limit at the latest.
 */
export interface ServerClient {
  attest(request: AttestRequest): Promise<AgentCredential>
  renew(publicKey: PublicJwk): Promise<AgentCredential>
  sync(): Promise<SyncState>
  /**
   * Follows the changes that concern this agent until the stream ends or the signal aborts.
   *
   * @param known what the agent has from before: the server sends only what is new since
   * @param onState called with the whole state, the first time at once
   * @param onBytes called with every sign of life
   * @throws ServerCallError `ERR_AGENT_SERVER_DIVERGED` when `known` is to be forgotten
   */
  followChanges(
    known: SyncState | undefined,
    onState: (state: SyncState) => void,
    onBytes: () => void,
    signal: AbortSignal,
  ): Promise<void>
  issueX509Svid(entryId: string, publicKey: PublicJwk): Promise<X509Credential>
  issueWitSvid(entryId: string, publicKey: PublicJwk): Promise<Token>
  issueJwtSvid(entryId: string, audience: readonly string[]): Promise<Token>
  reportTainted(report: TaintReport): Promise<void>
  /** Begins with new connections: those that are open may have died while the machine slept. */
  reconnect(): void
  close(): void
}
