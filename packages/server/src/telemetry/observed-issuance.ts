import { errorCode } from '@countersign/protocol'
import { traced } from '@countersign/telemetry'
import type { CredentialKind } from '../audit/audit.ts'
import type { WorkloadIssuance } from '../issuance/workload-issuance.ts'
import type { Observation } from './observation.ts'

type Issuance = Pick<WorkloadIssuance, 'issueX509' | 'issueWit' | 'issueJwt'>

/** Counts refusals and traces requests for credentials of workloads. What was signed is counted where it is signed. */
export function observeIssuance(issuance: Issuance, { recorder, tracing }: Observation): Issuance {
  const observed = async <T>(kind: CredentialKind, agentId: string, issue: () => Promise<T>): Promise<T> => {
    const attributes = { 'countersign.credential.kind': kind, 'countersign.agent_id': agentId }
    try {
      return await traced(tracing, 'credential.issue', attributes, issue)
    } catch (error) {
      recorder.credentialRefused(kind, errorCode(error) ?? 'ERR_HTTP_INTERNAL')
      throw error
    }
  }
  return {
    issueX509: (agentId, request) => observed('x509-svid', agentId, () => issuance.issueX509(agentId, request)),
    issueWit: (agentId, request) => observed('wit-svid', agentId, () => issuance.issueWit(agentId, request)),
    issueJwt: (agentId, request) => observed('jwt-svid', agentId, () => issuance.issueJwt(agentId, request)),
  }
}
