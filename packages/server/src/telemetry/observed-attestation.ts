import { errorCode } from '@countersign/protocol'
import { traced } from '@countersign/telemetry'
import type { NodeAttestation } from '../attestation/node-attestation.ts'
import type { Observation } from './observation.ts'

type Attestation = Pick<NodeAttestation, 'attest' | 'renew'>

/**
 * Counts and traces attempts of nodes to attest.
 *
 * @param attestors those that are configured: strangers name what they like
 */
export function observeAttestation(
  attestation: Attestation,
  { recorder, tracing }: Observation,
  attestors: ReadonlySet<string>,
): Attestation {
  return {
    async attest(request) {
      const attestor = attestors.has(request.attestor) ? request.attestor : 'unknown'
      const seconds = recorder.stopwatch()
      try {
        const attributes = { 'countersign.attestor': attestor }
        const issued = await traced(tracing, 'node.attest', attributes, () => attestation.attest(request))
        recorder.nodeAttested({ attestor, seconds: seconds() })
        return issued
      } catch (error) {
        recorder.nodeAttested({ attestor, code: errorCode(error) ?? 'ERR_HTTP_INTERNAL', seconds: seconds() })
        throw error
      }
    },
    renew: (node, publicKey) =>
      traced(tracing, 'node.renew', { 'countersign.agent_id': node.agentId }, () => attestation.renew(node, publicKey)),
  }
}
