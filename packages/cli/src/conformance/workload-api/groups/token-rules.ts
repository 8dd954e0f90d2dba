import { readJwkSet } from '../artefacts/jwk-sets.ts'
import { missingField } from '../artefacts/response-content.ts'
import { spiffeIdProblem } from '../artefacts/spiffe-ids.ts'
import { isSvidAlgorithm, type RawToken, readToken, signatureProblem } from '../artefacts/tokens.ts'
import { type Check, hardening, must, should, skip } from '../check.ts'
import type { Probe } from '../probe.ts'
import { AUDIENCE } from '../probe.ts'
import { encodeJwtSvidRequest, encodeWitSvidRequest } from '../rpcs.ts'
import { describeAnswer } from '../transport/ending.ts'
import { rpcCheckId } from './rpc.ts'

/** What JWT-SVIDs and WIT-SVIDs have in common. */
export interface TokenSource {
  readonly kind: 'JWT' | 'WIT'
  readonly name: 'FetchJWTSVID' | 'FetchWITSVID'
  readonly bundles: 'FetchJWTBundles' | 'FetchWITBundles'
  readonly section: string
  readonly document: string
  readonly sections: { readonly alg: string; readonly sub: string; readonly exp: string; readonly compact: string }
  readonly bundleNeeds: readonly string[]
}

interface ServedToken {
  readonly spiffeId: string
  readonly token: string
}

const SKEW_SECONDS = 60
const STRANGER = 'spiffe://workload-api-conformance.invalid/no/such/workload'

export function encodeFor(name: TokenSource['name'], spiffeId: string): Uint8Array {
  return name === 'FetchJWTSVID' ? encodeJwtSvidRequest([AUDIENCE], spiffeId) : encodeWitSvidRequest(spiffeId)
}

export async function servedTokens(probe: Probe, name: TokenSource['name']): Promise<readonly ServedToken[]> {
  const { svids } = await probe.state(name)
  return svids.map((svid) => ({ spiffeId: svid.spiffeId, token: 'svid' in svid ? svid.svid : svid.witSvid }))
}

/** The first problem of any token of a response. */
export async function eachToken(
  probe: Probe,
  name: TokenSource['name'],
  find: (token: RawToken, spiffeId: string) => string | undefined | Promise<string | undefined>,
): Promise<string | undefined> {
  for (const [index, { token, spiffeId }] of (await servedTokens(probe, name)).entries()) {
    const raw = readToken(token)
    if (raw === undefined) return skip('a token is no compact JWS')
    const problem = await find(raw, spiffeId)
    if (problem !== undefined) return `svids[${index}]: ${problem}`
  }
  return undefined
}

/** Which SVIDs are served to whom, whatever is in them. */
export function selectionChecks({ kind, name, section }: TokenSource): readonly Check[] {
  const filled = `${kind}-MANDATORY-FIELDS`
  return [
    must(`${kind}-SVIDS-NOT-EMPTY`, {
      title: `a response has at least one ${kind}-SVID`,
      section,
      needs: [rpcCheckId(name)],
      expected: 'one or more svids',
      look: async (probe) => ((await servedTokens(probe, name)).length === 0 ? 'none' : undefined),
    }),
    must(filled, {
      title: `every field of a ${kind}-SVID but the hint is set`,
      section,
      needs: [`${kind}-SVIDS-NOT-EMPTY`],
      expected: 'all mandatory fields',
      look: async (probe) => missingField((await probe.state(name)).svids),
    }),
    must(`${kind}-ALL-IDENTITIES`, {
      title: `without a spiffe_id, ${kind}-SVIDs of all identities are served`,
      section,
      needs: [filled, 'X509-ID-VALID'],
      expected: 'the SPIFFE IDs that FetchX509SVID serves',
      async look(probe) {
        const served = (await servedTokens(probe, name)).map(({ spiffeId }) => spiffeId)
        const missing = (await probe.identities()).find((id) => !served.includes(id))
        return missing === undefined ? undefined : `none for ${missing}`
      },
    }),
    must(`${kind}-OWN-ID`, {
      title: 'a spiffe_id of this process is served',
      section,
      needs: [filled, 'X509-MANDATORY-FIELDS'],
      expected: `a ${kind}-SVID of that SPIFFE ID`,
      async look(probe) {
        const [id, answer] = await askForLast(probe, name)
        if (answer.message === undefined) return describeAnswer(answer)
        const ids = probe.decode(name, answer).svids.map(({ spiffeId }) => spiffeId)
        return ids.includes(id) ? undefined : `${ids.length} of other SPIFFE IDs`
      },
    }),
    must(`${kind}-ONLY-ASKED-ID`, {
      title: 'with a spiffe_id, nothing else is served',
      section: `${section} and the service definition`,
      needs: [`${kind}-OWN-ID`],
      expected: `${kind}-SVIDs of that SPIFFE ID alone`,
      async look(probe) {
        if (new Set(await probe.identities()).size < 2) return skip('this process has only one identity')
        const [id, answer] = await askForLast(probe, name)
        const other = probe.decode(name, answer).svids.find(({ spiffeId }) => spiffeId !== id)
        return other === undefined ? undefined : `also one of ${other.spiffeId}`
      },
    }),
    should(`${kind}-FOREIGN-ID`, {
      title: 'a spiffe_id that this process does not have is denied',
      section,
      needs: [rpcCheckId(name)],
      expected: 'PERMISSION_DENIED',
      look: (probe) => endsWith(probe, name, STRANGER, 'PERMISSION_DENIED'),
    }),
    hardening(`${kind}-MALFORMED-ID`, {
      title: 'a spiffe_id that is none is an invalid argument',
      section,
      needs: [rpcCheckId(name)],
      expected: 'INVALID_ARGUMENT',
      look: (probe) => endsWith(probe, name, 'not a SPIFFE ID', 'INVALID_ARGUMENT'),
    }),
  ]
}

async function askForLast(probe: Probe, name: TokenSource['name']) {
  const ids = await probe.identities()
  const id = ids.at(-1) ?? skip('this process has no identity')
  return [id, await probe.ask(name, encodeFor(name, id))] as const
}

async function endsWith(probe: Probe, name: TokenSource['name'], spiffeId: string, status: string) {
  const answer = await probe.ask(name, encodeFor(name, spiffeId))
  return answer.ending?.name === status ? undefined : describeAnswer(answer)
}

/** What the tokens themselves have in common. */
export function tokenChecks({ kind, name, bundles, document, sections, bundleNeeds }: TokenSource): readonly Check[] {
  const needs = [`${kind}-COMPACT`]
  return [
    must(`${kind}-COMPACT`, {
      title: `${kind}-SVIDs are JWS in compact serialization`,
      section: `${document} section ${sections.compact}`,
      needs: [`${kind}-MANDATORY-FIELDS`],
      expected: 'three base64url parts, of which the first two are JSON objects',
      async look(probe) {
        const tokens = await servedTokens(probe, name)
        const index = tokens.findIndex(({ token }) => readToken(token) === undefined)
        return index === -1 ? undefined : `svids[${index}] is something else`
      },
    }),
    must(`${kind}-ALG`, {
      title: `${kind}-SVIDs are signed with an algorithm of the standard`,
      section: `${document} section ${sections.alg}`,
      needs,
      expected: 'RS, ES or PS with 256, 384 or 512',
      look: (probe) =>
        eachToken(probe, name, ({ header: { alg } }) =>
          isSvidAlgorithm(alg) ? undefined : `alg ${String(alg).slice(0, 32)}`,
        ),
    }),
    must(`${kind}-SUB`, {
      title: 'sub is the spiffe_id beside the token',
      section: `${document} section ${sections.sub}`,
      needs,
      expected: 'the same SPIFFE ID in both',
      look: (probe) =>
        eachToken(probe, name, ({ claims: { sub } }, spiffeId) => (sub === spiffeId ? undefined : 'another sub')),
    }),
    must(`${kind}-ID-VALID`, {
      title: 'each spiffe_id is the SPIFFE ID of a workload',
      section: 'SPIFFE-ID section 2',
      needs: [`${kind}-MANDATORY-FIELDS`],
      expected: 'a valid SPIFFE ID with a path',
      look: (probe) => eachToken(probe, name, (_, spiffeId) => spiffeIdProblem(spiffeId)),
    }),
    must(`${kind}-EXP`, {
      title: 'exp is set',
      section: `${document} section ${sections.exp}`,
      needs,
      expected: 'a number',
      look: (probe) =>
        eachToken(probe, name, ({ claims: { exp } }) => (typeof exp === 'number' ? undefined : 'no number')),
    }),
    must(`${kind}-NOT-EXPIRED`, {
      title: 'the token is valid now',
      section: `${document} section ${sections.exp}`,
      needs: [`${kind}-EXP`],
      expected: 'exp in the future, and nbf, if set, in the past',
      look: (probe) => eachToken(probe, name, ({ claims }) => timeProblem(claims, probe.options.now())),
    }),
    must(`${kind}-SIGNATURE`, {
      title: `a key of the trust domain's ${kind} bundle verifies the token`,
      section: `${document} section 4`,
      needs: [`${kind}-ALG`, `${kind}-SUB`, ...bundleNeeds],
      expected: `a signature of a key that ${bundles} serves for the trust domain of sub`,
      look: (probe) => eachToken(probe, name, (token) => trustProblem(probe, bundles, token)),
    }),
  ]
}

function timeProblem({ exp, nbf }: RawToken['claims'], now: number): string | undefined {
  if (typeof exp === 'number' && exp <= now) return `expired ${Math.round(now - exp)} s ago`
  return typeof nbf === 'number' && nbf > now + SKEW_SECONDS ? `valid in ${Math.round(nbf - now)} s` : undefined
}

async function trustProblem(probe: Probe, bundles: TokenSource['bundles'], token: RawToken) {
  const [domain] = /^spiffe:\/\/[^/]+/.exec(String(token.claims['sub'])) ?? []
  const bundle = (await probe.state(bundles)).bundles[domain ?? '']
  if (bundle === undefined) return 'no bundle for the trust domain of sub'
  const keys = readJwkSet(typeof bundle === 'string' ? bundle : Buffer.from(bundle).toString('utf8'))
  return typeof keys === 'string' ? keys : signatureProblem(token, keys)
}
