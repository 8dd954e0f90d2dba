import { FORGERIES } from '../artefacts/forged-tokens.ts'
import { readToken } from '../artefacts/tokens.ts'
import { type Check, hardening, must, should, skip } from '../check.ts'
import { AUDIENCE, type Probe, SECOND_AUDIENCE } from '../probe.ts'
import { encodeValidateRequest, type Responses } from '../rpcs.ts'
import { describeAnswer } from '../transport/ending.ts'
import { keysOf } from './token-bundles.ts'

const NAME = 'ValidateJWTSVID'
const API = 'SPIFFE Workload API section 6.2.3'
const NEEDS = ['RPC-VALIDATE-JWT-SVID', 'JWT-COMPACT', 'JWT-AUDIENCE']
const REFUSED = 'a status other than OK'
/** Status codes that tell a client to try again, which would never help. */
const TRANSIENT = ['UNAVAILABLE', 'INTERNAL', 'UNKNOWN', 'DEADLINE_EXCEEDED', 'ABORTED']
/** JWT-SVID appendix A lets validators be this late, about. */
const LEEWAY_SECONDS = 90

/** `ValidateJWTSVID`, with good tokens and bad ones. */
export const VALIDATE_CHECKS: readonly Check[] = [
  must('JV-SPIFFE-ID', {
    title: 'the answer names the subject of the token',
    section: `${API} and the service definition`,
    needs: NEEDS,
    expected: 'spiffe_id is sub',
    look: async (probe) =>
      (await validated(probe)).spiffeId === (await goodClaims(probe))['sub'] ? undefined : 'another',
  }),
  must('JV-CLAIMS', {
    title: 'the answer has the claims that the JWT-SVID standard defines',
    section: API,
    needs: NEEDS,
    expected: 'sub, aud and exp as in the token',
    async look(probe) {
      const [{ claims }, good] = [await validated(probe), await goodClaims(probe)]
      if (claims === undefined) return 'no claims'
      if (claims['sub'] !== good['sub']) return 'no such sub'
      if (claims['exp'] !== good['exp']) return 'no such exp'
      return [claims['aud']].flat().includes(AUDIENCE) ? undefined : 'no such aud'
    },
  }),
  hardening('JV-AUD-LIST', {
    title: 'aud in the claims is a list, as clients have come to expect',
    section: API,
    needs: ['JV-CLAIMS'],
    expected: 'a list',
    look: async (probe) => (Array.isArray((await validated(probe)).claims?.['aud']) ? undefined : 'something else'),
  }),
  must('JV-WRONG-AUDIENCE', {
    title: 'a token for another audience is refused',
    section: `${API}; JWT-SVID section 3.2`,
    needs: NEEDS,
    expected: REFUSED,
    look: async (probe) => refusal(probe, SECOND_AUDIENCE, await probe.token()),
  }),
  ...FORGERIES.map(({ id, title, forge }) =>
    must(`JV-${id}`, {
      title,
      section: `${API}; JWT-SVID sections 2 to 5`,
      needs: NEEDS,
      expected: REFUSED,
      look: async (probe) => refusal(probe, AUDIENCE, forge(await goodToken(probe), await ownKeys(probe))),
    }),
  ),
  must('JV-EXPIRED', {
    title: 'an expired token is refused',
    section: `${API}; JWT-SVID section 3.3`,
    needs: NEEDS,
    expected: REFUSED,
    look: expiredRefusal,
  }),
  hardening('JV-REFUSAL-STATUS', {
    title: 'a bad token is not blamed on a passing fault, which clients would try again',
    section: API,
    needs: ['JV-GARBAGE'],
    expected: `none of ${TRANSIENT.join(', ')}`,
    async look(probe) {
      const answer = await probe.ask(NAME, encodeValidateRequest(AUDIENCE, 'not.a.token'))
      return TRANSIENT.includes(answer.ending?.name ?? 'UNKNOWN') ? describeAnswer(answer) : undefined
    },
  }),
  ...emptyFieldChecks(),
]

function emptyFieldChecks(): readonly Check[] {
  const about = {
    section: 'SPIFFE Workload API sections 4.5 and 6.2.3',
    needs: NEEDS,
    expected: 'INVALID_ARGUMENT',
  }
  return [
    should('JV-NO-AUDIENCE', {
      ...about,
      title: 'a request without an audience is an invalid argument',
      look: async (probe) => refusal(probe, '', await probe.token(), 'INVALID_ARGUMENT'),
    }),
    should('JV-NO-TOKEN', {
      ...about,
      title: 'a request without a token is an invalid argument',
      look: (probe) => refusal(probe, AUDIENCE, '', 'INVALID_ARGUMENT'),
    }),
  ]
}

/** The answer about a good token, asked for once. @throws SkipCheck */
function validated(probe: Probe): Promise<Responses['ValidateJWTSVID']> {
  return probe.remember(NAME, async () =>
    probe.decode(NAME, await probe.ask(NAME, encodeValidateRequest(AUDIENCE, await probe.token()))),
  )
}

async function goodToken(probe: Probe) {
  return readToken(await probe.token()) ?? skip('the token is no compact JWS')
}

async function goodClaims(probe: Probe) {
  return (await goodToken(probe)).claims
}

async function ownKeys(probe: Probe) {
  const bundle = (await probe.state('FetchJWTBundles')).bundles[await probe.ownTrustDomain()]
  return bundle === undefined ? [] : keysOf(bundle)
}

async function refusal(probe: Probe, audience: string, token: string, status?: string): Promise<string | undefined> {
  const answer = await probe.ask(NAME, encodeValidateRequest(audience, token))
  const ending = answer.ending?.name
  const isRefused = ending !== undefined && ending !== 'OK' && ending !== 'disconnected'
  return isRefused && (status === undefined || ending === status) ? undefined : describeAnswer(answer)
}

/** Nobody can make an expired token but the server, by making one and waiting. */
async function expiredRefusal(probe: Probe): Promise<string | undefined> {
  const { exp } = await goodClaims(probe)
  const { now, sleep } = probe.options
  const seconds = typeof exp === 'number' ? exp + LEEWAY_SECONDS - now() : Number.POSITIVE_INFINITY
  if (seconds * 1000 > probe.patience.expiryMs) {
    return skip(`the token can be used for ${Math.round(seconds)} s more; --expiry says how long to wait`)
  }
  await sleep(Math.max(0, seconds * 1000))
  return refusal(probe, AUDIENCE, await probe.token())
}
