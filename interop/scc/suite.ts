import { thisUser } from '../support/client-entries.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { type Artefact, collectArtefacts } from './artefacts.ts'
import { findChecker, judge, type Verdict } from './compliance-checker.ts'

const TRUST_DOMAIN = 'interop.example'
const SPIFFE_ID = `spiffe://${TRUST_DOMAIN}/scc/subject`

/** spiffe-compliance-checker on everything that we issue: no MUST may fail, and no SHOULD either. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    const found = await findChecker(processes)
    return 'missing' in found ? found.missing : undefined
  },

  async run({ processes, report, temporaryFolder, startTrustDomain }) {
    const found = await findChecker(processes)
    if ('missing' in found) throw new Error(found.missing)
    const domain = await startTrustDomain(TRUST_DOMAIN)
    await domain.register({ spiffeId: SPIFFE_ID, selectors: [thisUser()], dnsNames: ['scc.interop.example'] })
    const artefacts = await collectArtefacts(domain, SPIFFE_ID, temporaryFolder)
    for (const artefact of artefacts) {
      const verdict = await judge(processes, found.command, artefact)
      const { passed, failed, warnings } = verdict.summary
      report.add({
        check: `${artefact.name}: no clause is violated`,
        ok: passed > 0 && failed === 0 && warnings === 0,
        detail: `${passed} passed${violations(verdict)}`,
      })
    }
    for (const artefact of wrongOnPurpose(artefacts)) {
      const verdict = await judge(processes, found.command, artefact)
      report.add({
        check: `${artefact.name}: is seen to be wrong`,
        ok: verdict.summary.failed > 0,
        detail: `${verdict.summary.failed} failed${violations(verdict)}`,
      })
    }
  },
}

function violations({ assertions }: Verdict): string {
  return assertions
    .filter(({ status }) => status !== 'pass')
    .map(({ section, text, detail = '' }) => `; ${section} ${text} ${detail}`.trimEnd())
    .join('')
}

/** A checker that finds fault with nothing would prove nothing. */
function wrongOnPurpose(artefacts: readonly Artefact[]): Artefact[] {
  const argumentOf = (kind: Artefact['kind']) => artefacts.find((each) => each.kind === kind)?.argument ?? ''
  return [
    { name: 'SPIFFE ID with a capital letter', kind: 'id', argument: SPIFFE_ID.replace('interop', 'Interop') },
    { name: 'WIT-SVID in place of a JWT-SVID', kind: 'jwt-svid', argument: argumentOf('wit-svid') },
    { name: 'JWT-SVID in place of a WIT-SVID', kind: 'wit-svid', argument: argumentOf('jwt-svid') },
  ]
}
