import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { privateMember, type RawJwk, readJwkSet, repeatedKeyId } from '../artefacts/jwk-sets.ts'
import { trustDomainIdProblem } from '../artefacts/spiffe-ids.ts'
import { type Check, hardening, must, should } from '../check.ts'
import type { Probe } from '../probe.ts'
import { rpcCheckId } from './rpc.ts'
import { first } from './x509-svid.ts'

type BundleRpc = 'FetchJWTBundles' | 'FetchWITBundles'

interface Source {
  readonly prefix: string
  readonly kind: 'JWT' | 'WIT'
  readonly name: BundleRpc
  readonly use: string
  readonly section: string
  /** Where a bundle's keys are described. */
  readonly document: string
}

const JWT: Source = {
  prefix: 'JB',
  kind: 'JWT',
  name: 'FetchJWTBundles',
  use: 'jwt-svid',
  section: 'SPIFFE Workload API section 6.2.2',
  document: 'JWT-SVID section 6.1',
}

const WIT: Source = {
  prefix: 'WB',
  kind: 'WIT',
  name: 'FetchWITBundles',
  use: 'wit-svid',
  section: 'SPIFFE Workload API section 7.2.2',
  document: 'WIT-SVID section 6.1',
}

export const JWT_BUNDLE_CHECKS: readonly Check[] = [
  ...bundleChecks(JWT),
  should('JB-KID-UNIQUE', {
    title: 'no two keys of a JWT bundle have the same kid',
    section: 'RFC 7517 section 4.5',
    needs: ['JB-JWK-SET'],
    expected: 'each kid once',
    look: (probe) => eachBundle(probe, JWT.name, (keys) => repetition(keys)),
  }),
]

export const WIT_BUNDLE_CHECKS: readonly Check[] = [
  ...bundleChecks(WIT),
  must('WB-KID-UNIQUE', {
    title: 'no two keys of a trust domain have the same kid, JWT-SVID keys included',
    section: 'WIT-SVID section 6.1',
    needs: ['WB-JWK-SET', 'JB-JWK-SET', 'JB-KID-UNIQUE'],
    expected: 'each kid once',
    async look(probe) {
      const { bundles } = await probe.state(JWT.name)
      const jwtKeys = (key: string) => (bundles[key] === undefined ? [] : keysOf(bundles[key]))
      return eachBundle(probe, WIT.name, (keys, key) => repetition([...keys, ...jwtKeys(key)]))
    },
  }),
]

function bundleChecks({ prefix, kind, name, use, section, document }: Source): readonly Check[] {
  const eachKey = (probe: Probe, find: (jwk: RawJwk) => string | undefined) =>
    eachBundle(probe, name, (keys) => first(keys, find))
  const needs = [`${prefix}-JWK-SET`]
  return [
    must(`${prefix}-OWN`, {
      title: `${kind} bundles include that of the server's own trust domain`,
      section,
      needs: [rpcCheckId(name), 'X509-MANDATORY-FIELDS'],
      expected: 'the trust domain of the default identity among the keys',
      async look(probe) {
        const [own, { bundles }] = [await probe.ownTrustDomain(), await probe.state(name)]
        return own in bundles ? undefined : `${Object.keys(bundles).length} bundles, none for ${own}`
      },
    }),
    must(`${prefix}-KEYS`, {
      title: `${kind} bundles are keyed by the SPIFFE ID of the trust domain`,
      section: `${section} and the service definition`,
      needs: [rpcCheckId(name)],
      expected: 'keys such as spiffe://example.org',
      look: async (probe) => first(Object.keys((await probe.state(name)).bundles), trustDomainIdProblem),
    }),
    must(`${prefix}-JWK-SET`, {
      title: `${kind} bundles are JWK Sets`,
      section,
      needs: [rpcCheckId(name)],
      expected: 'a JSON object with "keys", a list of objects',
      look: (probe) => eachDocument(probe, name, (text) => refusalOf(readJwkSet(text))),
    }),
    must(`${prefix}-KTY`, {
      title: `every key of a ${kind} bundle has its kty`,
      section: 'RFC 7517 section 4.1',
      needs,
      expected: 'kty',
      look: (probe) => eachKey(probe, ({ kty }) => (typeof kty === 'string' && kty !== '' ? undefined : 'none')),
    }),
    must(`${prefix}-ONLY-${kind}-KEYS`, {
      title: `a ${kind} bundle holds no keys of another use`,
      section,
      needs,
      expected: `keys whose use, if they state one, is ${use} (or RFC 7517's sig)`,
      look: (probe) =>
        eachKey(probe, ({ use: stated }) =>
          stated === undefined || stated === use || stated === 'sig' ? undefined : `use ${String(stated).slice(0, 32)}`,
        ),
    }),
    must(`${prefix}-KID`, {
      title: `every key of a ${kind} bundle has a kid`,
      section: document,
      needs,
      expected: 'kid',
      look: (probe) => eachKey(probe, ({ kid }) => (typeof kid === 'string' && kid !== '' ? undefined : 'none')),
    }),
    must(`${prefix}-PUBLIC`, {
      title: `a ${kind} bundle holds nothing of a private key`,
      section: 'RFC 7517 section 9.2',
      needs,
      expected: 'public keys',
      look: (probe) => eachKey(probe, privateMember),
    }),
    hardening(`${prefix}-USABLE`, {
      title: `every key of a ${kind} bundle can be used`,
      section: `${document} and RFC 7518 section 6`,
      needs: [...needs, `${prefix}-KTY`],
      expected: 'RSA keys of 2048 bits or more, or EC keys on P-256, P-384 or P-521',
      look: (probe) => eachKey(probe, usabilityProblem),
    }),
  ]
}

async function eachDocument(
  probe: Probe,
  name: BundleRpc,
  find: (text: string, key: string) => string | undefined,
): Promise<string | undefined> {
  const { bundles } = await probe.state(name)
  return first(Object.entries(bundles), ([key, bundle]) => {
    const problem = find(textOf(bundle), key)
    return problem === undefined ? undefined : `${key.slice(0, 64)}: ${problem}`
  })
}

function eachBundle(
  probe: Probe,
  name: BundleRpc,
  find: (keys: readonly RawJwk[], key: string) => string | undefined,
): Promise<string | undefined> {
  return eachDocument(probe, name, (text, key) => find(keysOf(text), key))
}

/** The keys of one trust domain's bundle. Empty when it is no JWK Set, which another check tells. */
export function keysOf(bundle: Uint8Array | string): readonly RawJwk[] {
  const keys = readJwkSet(textOf(bundle))
  return typeof keys === 'string' ? [] : keys
}

/** JWT bundles are `bytes`, WIT bundles are `string`. */
function textOf(bundle: Uint8Array | string): string {
  return typeof bundle === 'string' ? bundle : Buffer.from(bundle).toString('utf8')
}

function refusalOf(keys: readonly RawJwk[] | string): string | undefined {
  return typeof keys === 'string' ? keys : undefined
}

function repetition(keys: readonly RawJwk[]): string | undefined {
  const kid = repeatedKeyId(keys)
  return kid === undefined ? undefined : `kid "${kid.slice(0, 64)}" twice`
}

function usabilityProblem(jwk: RawJwk): string | undefined {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048) return undefined
    const isKnownCurve = ['prime256v1', 'secp384r1', 'secp521r1'].includes(asymmetricKeyDetails?.namedCurve ?? '')
    return isKnownCurve ? undefined : `a key of type ${asymmetricKeyType}`
  } catch {
    return `a ${String(jwk['kty']).slice(0, 16)} key that cannot be read`
  }
}
