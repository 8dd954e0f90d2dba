import { createPrivateKey, createPublicKey, type JsonWebKey } from 'node:crypto'
import { privateMember } from '../artefacts/jwk-sets.ts'
import { isSvidAlgorithm, readToken } from '../artefacts/tokens.ts'
import { type Check, must, should, skip } from '../check.ts'
import type { Probe } from '../probe.ts'
import { hintChecks } from './hints.ts'
import { eachToken, selectionChecks, type TokenSource, tokenChecks } from './token-rules.ts'

const SOURCE: TokenSource = {
  kind: 'WIT',
  name: 'FetchWITSVID',
  bundles: 'FetchWITBundles',
  section: 'SPIFFE Workload API section 7.2.1',
  document: 'WIT-SVID',
  sections: { alg: '2.3', sub: '3.1', exp: '3.4', compact: '1' },
  bundleNeeds: ['WB-OWN', 'WB-JWK-SET', 'WB-KTY', 'WB-KID', 'WB-PUBLIC'],
}

const NEEDS = ['WIT-COMPACT']
const HEADER = new Set(['alg', 'kid', 'typ'])

/** `FetchWITSVID` and its tokens. The profile is optional. */
export const WIT_SVID_CHECKS: readonly Check[] = [
  ...selectionChecks(SOURCE),
  ...tokenChecks(SOURCE),
  must('WIT-KID', {
    title: 'kid is there',
    section: 'WIT-SVID section 2.1',
    needs: NEEDS,
    expected: 'kid',
    look: (probe) => each(probe, ({ header: { kid } }) => (typeof kid === 'string' && kid !== '' ? undefined : 'none')),
  }),
  must('WIT-TYP', {
    title: 'typ is wit+jwt',
    section: 'WIT-SVID section 2.2',
    needs: NEEDS,
    expected: 'wit+jwt',
    look: (probe) =>
      each(probe, ({ header: { typ } }) => (typ === 'wit+jwt' ? undefined : `typ ${String(typ).slice(0, 32)}`)),
  }),
  should('WIT-HEADER-CLOSED', {
    title: 'the header holds alg, kid and typ and nothing else',
    section: 'WIT-SVID section 2.4',
    needs: NEEDS,
    expected: 'no other parameter',
    look: (probe) =>
      each(probe, ({ header }) => {
        const other = Object.keys(header).find((name) => !HEADER.has(name))
        return other === undefined ? undefined : `also ${other.slice(0, 32)}`
      }),
  }),
  must('WIT-CNF', {
    title: 'cnf holds a public key as a JWK',
    section: 'WIT-SVID section 3.2',
    needs: NEEDS,
    expected: 'cnf.jwk, which can be read',
    look: (probe) => each(probe, ({ claims }) => (publicKeyOf(confirmation(claims)) ? undefined : 'no such key')),
  }),
  must('WIT-CNF-PUBLIC', {
    title: 'cnf holds nothing of a private key',
    section: 'WIT-SVID section 3.2 (RFC 7800 section 3.2)',
    needs: ['WIT-CNF'],
    expected: 'a public key',
    look: (probe) => each(probe, ({ claims }) => privateMember(confirmation(claims))),
  }),
  must('WIT-CNF-ALG', {
    title: 'the key of cnf names its algorithm',
    section: 'WIT-SVID section 3.2',
    needs: ['WIT-CNF'],
    expected: 'RS, ES or PS with 256, 384 or 512 as cnf.jwk.alg',
    look: (probe) =>
      each(probe, ({ claims }) => {
        const { alg } = confirmation(claims)
        return isSvidAlgorithm(alg) ? undefined : `alg ${String(alg).slice(0, 32)}`
      }),
  }),
  must('WIT-NO-AUD', {
    title: 'there is no aud',
    section: 'WIT-SVID section 3.8',
    needs: NEEDS,
    expected: 'no aud',
    look: (probe) => each(probe, ({ claims }) => ('aud' in claims ? 'aud' : undefined)),
  }),
  should('WIT-ISS', {
    title: 'iss, if there is one, does not work with OpenID Connect discovery',
    section: 'WIT-SVID section 3.7',
    needs: NEEDS,
    expected: 'no https URL',
    look: (probe) => each(probe, ({ claims: { iss } }) => (/^https:/i.test(String(iss)) ? 'an https URL' : undefined)),
  }),
  must('WIT-KEY-JWK', {
    title: 'wit_svid_key is a private key as a JWK',
    section: 'SPIFFE Workload API section 7.1 (WITSVID)',
    needs: ['WIT-MANDATORY-FIELDS'],
    expected: 'a JWK that holds a private key',
    look: (probe) => eachKey(probe, (key) => (key === undefined ? 'something else' : undefined)),
  }),
  must('WIT-KEY-MATCHES', {
    title: 'wit_svid_key is the key of cnf',
    section: 'SPIFFE Workload API section 7.1 (WITSVID)',
    needs: ['WIT-KEY-JWK', 'WIT-CNF'],
    expected: 'the private key of cnf.jwk',
    look: (probe) =>
      eachKey(probe, (key, token) => {
        const confirmed = publicKeyOf(confirmation(readToken(token)?.claims ?? {}))
        return confirmed !== undefined && key !== undefined && createPublicKey(key).equals(confirmed)
          ? undefined
          : 'the key of something else'
      }),
  }),
  ...hintChecks('WIT', SOURCE.name, '7.2.1'),
]

function each(probe: Probe, find: Parameters<typeof eachToken>[2]): Promise<string | undefined> {
  return eachToken(probe, SOURCE.name, find)
}

type PrivateKey = ReturnType<typeof createPrivateKey>

async function eachKey(
  probe: Probe,
  find: (key: PrivateKey | undefined, token: string) => string | undefined,
): Promise<string | undefined> {
  const { svids } = await probe.state('FetchWITSVID')
  for (const [index, { witSvid, witSvidKey }] of svids.entries()) {
    const problem = find(privateKeyOf(witSvidKey), witSvid)
    if (problem !== undefined) return `svids[${index}]: ${problem}`
  }
  return svids.length === 0 ? skip('no WIT-SVID') : undefined
}

function privateKeyOf(text: string): PrivateKey | undefined {
  try {
    return createPrivateKey({ key: JSON.parse(text), format: 'jwk' })
  } catch {
    return undefined
  }
}

function confirmation({ cnf }: { readonly cnf?: unknown }): Readonly<Record<string, unknown>> {
  const jwk = typeof cnf === 'object' && cnf !== null && 'jwk' in cnf ? cnf.jwk : undefined
  return typeof jwk === 'object' && jwk !== null ? { ...jwk } : {}
}

function publicKeyOf(jwk: Readonly<Record<string, unknown>>) {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  } catch {
    return undefined
  }
}
