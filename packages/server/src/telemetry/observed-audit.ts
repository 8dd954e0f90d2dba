import type { Audit } from '../audit/audit.ts'
import type { ServerRecorder } from './server-recorder.ts'

/** What an auditor asks about is what an operator counts. */
export function observeAudit(audit: Audit, recorder: ServerRecorder): Audit {
  return {
    ...audit,
    credentialIssued(credential) {
      recorder.credentialIssued(credential.kind)
      audit.credentialIssued(credential)
    },
    exchangeRulesLoaded(document) {
      recorder.exchangeRulesRead(undefined)
      audit.exchangeRulesLoaded(document)
    },
    exchangeRulesRefused(refusal) {
      recorder.exchangeRulesRead(refusal.code)
      audit.exchangeRulesRefused(refusal)
    },
  }
}
