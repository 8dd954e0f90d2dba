/** Node attestor `join-token`, the server's half: accepts every token once. */
import {
  AttestationError,
  type AttestedNode,
  definePlugin,
  type NodeAttestorHost,
  parseConfig,
  type RedeemedJoinToken,
  type ServerNodeAttestor,
} from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { ATTESTOR_NAME, JoinTokenEvidence, MAX_TOKEN_LENGTH } from './evidence.ts'

const SELECTOR_TYPE = 'join_token'

const ServerConfig = Type.Object({}, { additionalProperties: false })

class JoinTokenServerAttestor implements ServerNodeAttestor {
  async judge(evidence: unknown, host: NodeAttestorHost): Promise<AttestedNode> {
    const { token } = parseEvidence(evidence)
    rejectOversizedToken(token)
    const { agentPath, selectors = [] } = await redeemToken(token, host)
    const values = [agentPath, ...selectors]
    return { agentPath, selectors: values.map((value) => ({ type: SELECTOR_TYPE, value })), canReattest: false }
  }
}

function parseEvidence(evidence: unknown): JoinTokenEvidence {
  if (Value.Check(JoinTokenEvidence, evidence)) return evidence
  throw new AttestationError('ERR_ATTESTATION_EVIDENCE_MALFORMED', 'evidence is not a join token')
}

function rejectOversizedToken(token: string): void {
  if (token.length <= MAX_TOKEN_LENGTH) return
  throw new AttestationError('ERR_ATTESTATION_TOO_LARGE', `join token is longer than ${MAX_TOKEN_LENGTH} characters`)
}

/** One answer for unknown, expired and used: a guesser learns nothing from the difference. */
async function redeemToken(token: string, host: NodeAttestorHost): Promise<RedeemedJoinToken> {
  const redeemed = await host.redeemJoinToken(token)
  if (redeemed !== undefined) return redeemed
  throw new AttestationError('ERR_ATTESTATION_TOKEN_UNKNOWN', 'join token is unknown, has expired or was used before')
}

export default definePlugin({
  type: 'node-attestor-server',
  name: ATTESTOR_NAME,
  apiVersion: 1,
  parseConfig: (config) => parseConfig(ServerConfig, config, { path: `nodeAttestors.${ATTESTOR_NAME}.config` }),
  create: () => new JoinTokenServerAttestor(),
})
