import { audiencesOf, readToken } from '../artefacts/tokens.ts'
import { type Check, hardening, must, should } from '../check.ts'
import { AUDIENCE, type Probe, SECOND_AUDIENCE } from '../probe.ts'
import { encodeJwtSvidRequest } from '../rpcs.ts'
import { describeAnswer } from '../transport/ending.ts'
import { hintChecks } from './hints.ts'
import { eachToken, selectionChecks, type TokenSource, tokenChecks } from './token-rules.ts'

const API = 'SPIFFE Workload API section 6.2.1'

const SOURCE: TokenSource = {
  kind: 'JWT',
  name: 'FetchJWTSVID',
  bundles: 'FetchJWTBundles',
  section: API,
  document: 'JWT-SVID',
  sections: { alg: '2.1', sub: '3.1', exp: '3.3', compact: '5.1' },
  bundleNeeds: ['JB-OWN', 'JB-JWK-SET', 'JB-KTY', 'JB-KID', 'JB-PUBLIC'],
}

/** Header parameters that may be there. JWT-SVID section 2. */
const HEADER = new Set(['alg', 'kid', 'typ'])

/** `FetchJWTSVID` and its tokens. */
export const JWT_SVID_CHECKS: readonly Check[] = [
  ...selectionChecks(SOURCE),
  should('JWT-NO-AUDIENCE', {
    title: 'a request without an audience is an invalid argument',
    section: 'SPIFFE Workload API sections 4.5 and 6.2.1',
    needs: ['RPC-FETCH-JWT-SVID'],
    expected: 'INVALID_ARGUMENT',
    look: (probe) => refusal(probe, [], ['INVALID_ARGUMENT']),
  }),
  hardening('JWT-EMPTY-AUDIENCE', {
    title: 'an audience that is an empty text is refused',
    section: API,
    needs: ['RPC-FETCH-JWT-SVID'],
    expected: 'a refusal',
    look: (probe) => refusal(probe, ['']),
  }),
  must('JWT-AUDIENCE', {
    title: 'aud is the audience that was asked for',
    section: `${API}; JWT-SVID section 3.2`,
    needs: ['JWT-COMPACT'],
    expected: 'the one value of the request',
    look: (probe) => eachToken(probe, SOURCE.name, ({ claims }) => audienceProblem(claims, [AUDIENCE])),
  }),
  must('JWT-AUDIENCES', {
    title: 'aud has every audience that was asked for',
    section: `${API}; JWT-SVID section 3.2`,
    needs: ['JWT-AUDIENCE'],
    expected: 'both values of the request',
    async look(probe) {
      const asked = [AUDIENCE, SECOND_AUDIENCE]
      const answer = await probe.ask(SOURCE.name, encodeJwtSvidRequest(asked))
      if (answer.message === undefined) return describeAnswer(answer)
      const [svid] = probe.decode('FetchJWTSVID', answer).svids
      return audienceProblem(readToken(svid?.svid ?? '')?.claims ?? {}, asked)
    },
  }),
  ...tokenChecks(SOURCE),
  must('JWT-HEADER-CLOSED', {
    title: 'the header holds alg, kid and typ and nothing else',
    section: 'JWT-SVID section 2',
    needs: ['JWT-COMPACT'],
    expected: 'no other parameter',
    look: (probe) =>
      eachToken(probe, SOURCE.name, ({ header }) => {
        const other = Object.keys(header).find((name) => !HEADER.has(name))
        return other === undefined ? undefined : `also ${other.slice(0, 32)}`
      }),
  }),
  must('JWT-TYP', {
    title: 'typ, if there is one, is JWT or JOSE',
    section: 'JWT-SVID section 2.3',
    needs: ['JWT-COMPACT'],
    expected: 'JWT, JOSE or nothing',
    look: (probe) =>
      eachToken(probe, SOURCE.name, ({ header: { typ } }) =>
        typ === undefined || typ === 'JWT' || typ === 'JOSE' ? undefined : `typ ${String(typ).slice(0, 32)}`,
      ),
  }),
  hardening('JWT-KID', {
    title: 'kid is there: many validators refuse a token without',
    section: 'JWT-SVID section 2.2 (optional)',
    needs: ['JWT-COMPACT'],
    expected: 'kid',
    look: (probe) =>
      eachToken(probe, SOURCE.name, ({ header: { kid } }) => (typeof kid === 'string' ? undefined : 'none')),
  }),
  ...hintChecks('JWT', SOURCE.name, '6.2.1'),
]

function audienceProblem(claims: Parameters<typeof audiencesOf>[0], expected: readonly string[]): string | undefined {
  const audiences = audiencesOf(claims)
  if (audiences === undefined) return 'no aud'
  const isSame = audiences.length === expected.length && expected.every((each) => audiences.includes(each))
  return isSame ? undefined : `aud of ${audiences.length} values, not those asked for`
}

async function refusal(probe: Probe, audience: readonly string[], statuses?: readonly string[]) {
  const answer = await probe.ask(SOURCE.name, encodeJwtSvidRequest(audience))
  const { ending } = answer
  if (ending === undefined || ending.name === 'OK') return describeAnswer(answer)
  return statuses === undefined || statuses.includes(ending.name) ? undefined : describeAnswer(answer)
}
