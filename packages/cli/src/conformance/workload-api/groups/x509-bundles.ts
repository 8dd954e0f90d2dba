import { trustDomainIdProblem } from '../artefacts/spiffe-ids.ts'
import { certificatesProblem, parseCertificates } from '../artefacts/x509-content.ts'
import { type Check, hardening, must, skip } from '../check.ts'
import type { Probe } from '../probe.ts'
import { first, signerIdProblem, signingProblem } from './x509-svid.ts'

type Bundles = Readonly<Record<string, Uint8Array>>

/** `federated_bundles` of `FetchX509SVID`, and `FetchX509Bundles`. */
export const X509_BUNDLE_CHECKS: readonly Check[] = [
  ...contentChecks({
    prefix: 'X509-FEDERATED',
    name: 'federated_bundles',
    section: 'SPIFFE Workload API section 5.1 (X509SVIDResponse)',
    needs: 'RPC-FETCH-X509-SVID',
    bundlesOf: federatedBundles,
  }),
  must('X509-FEDERATED-FOREIGN', {
    title: 'federated_bundles are of other trust domains',
    section: 'SPIFFE Workload API section 5.1 (X509SVIDResponse)',
    needs: ['X509-FEDERATED-KEYS'],
    expected: "no bundle of the server's own trust domain",
    async look(probe) {
      const own = await probe.ownTrustDomain()
      return own in (await federatedBundles(probe)) ? `one of ${own}` : undefined
    },
  }),
  must('XB-OWN', {
    title: "X.509 bundles include that of the server's own trust domain",
    section: 'SPIFFE Workload API section 5.2.2',
    needs: ['RPC-FETCH-X509-BUNDLES', 'X509-MANDATORY-FIELDS'],
    expected: 'the trust domain of the default identity among the keys',
    look: ownBundleProblem,
  }),
  ...contentChecks({
    prefix: 'XB',
    name: 'X.509 bundles',
    section: 'SPIFFE Workload API section 5.1 (X509BundlesResponse)',
    needs: 'RPC-FETCH-X509-BUNDLES',
    bundlesOf: async (probe) => (await probe.state('FetchX509Bundles')).bundles,
  }),
  hardening('XB-AGREES', {
    title: 'FetchX509Bundles and FetchX509SVID tell the same trust',
    section: 'SPIFFE Workload API sections 5.2.1 and 5.2.2',
    needs: ['XB-OWN', 'X509-BUNDLE-DER', 'XB-DER'],
    expected: 'the same certificates for each trust domain that both name',
    look: disagreement,
  }),
]

interface Source {
  readonly prefix: string
  readonly name: string
  readonly section: string
  readonly needs: string
  readonly bundlesOf: (probe: Probe) => Promise<Bundles>
}

/** What holds for every map from trust domains to certificates. */
function contentChecks({ prefix, name, section, needs, bundlesOf }: Source): readonly Check[] {
  const each = async (probe: Probe, find: (bundle: Uint8Array) => string | undefined) => {
    for (const [key, bundle] of Object.entries(await bundlesOf(probe))) {
      const problem = find(bundle)
      if (problem !== undefined) return `${key.slice(0, 64)}: ${problem}`
    }
    return undefined
  }
  return [
    must(`${prefix}-KEYS`, {
      title: `${name} are keyed by the SPIFFE ID of the trust domain`,
      section,
      needs: [needs],
      expected: 'keys such as spiffe://example.org',
      look: async (probe) => first(Object.keys(await bundlesOf(probe)), trustDomainIdProblem),
    }),
    must(`${prefix}-DER`, {
      title: `${name} are DER certificates, not PEM`,
      section,
      needs: [needs],
      expected: 'DER certificates one after the other',
      look: (probe) => each(probe, certificatesProblem),
    }),
    must(`${prefix}-CA`, {
      title: `certificates of ${name} are CAs that may sign certificates`,
      section: 'X509-SVID sections 4.1 and 4.3',
      needs: [`${prefix}-DER`],
      expected: 'cA true and keyCertSign, key usage critical',
      look: (probe) => each(probe, (bundle) => first(parseCertificates(bundle), signingProblem)),
    }),
    must(`${prefix}-ID`, {
      title: `the SPIFFE ID of a certificate of ${name}, if it has one, has no path`,
      section: 'X509-SVID section 3.2',
      needs: [`${prefix}-DER`],
      expected: 'a trust domain without a path',
      look: (probe) => each(probe, (bundle) => first(parseCertificates(bundle), signerIdProblem)),
    }),
  ]
}

/** @throws SkipCheck when there are none */
async function federatedBundles(probe: Probe): Promise<Bundles> {
  const { federatedBundles: bundles } = await probe.state('FetchX509SVID')
  return Object.keys(bundles).length === 0 ? skip('this process federates with no other trust domain') : bundles
}

async function ownBundleProblem(probe: Probe): Promise<string | undefined> {
  const [own, { bundles }] = [await probe.ownTrustDomain(), await probe.state('FetchX509Bundles')]
  return own in bundles ? undefined : `${Object.keys(bundles).length} bundles, none for ${own}`
}

/** A rotation may fall between the two calls, so a difference is looked at twice. */
async function disagreement(probe: Probe): Promise<string | undefined> {
  return (await oneDisagreement(probe)) === undefined ? undefined : oneDisagreement(probe)
}

async function oneDisagreement(probe: Probe): Promise<string | undefined> {
  const own = await probe.ownTrustDomain()
  const { svids, federatedBundles } = probe.decode('FetchX509SVID', await probe.ask('FetchX509SVID'))
  const { bundles } = probe.decode('FetchX509Bundles', await probe.ask('FetchX509Bundles'))
  const shown = { ...federatedBundles, ...(svids[0] === undefined ? {} : { [own]: svids[0].bundle }) }
  const differs = (key: string) => {
    const [one, two] = [fingerprints(bundles[key]), fingerprints(shown[key])]
    return one !== undefined && two !== undefined && one !== two
  }
  const key = Object.keys(shown).find(differs)
  return key === undefined ? undefined : `other certificates for ${key}`
}

/** `undefined` for what other checks object to. */
function fingerprints(bundle: Uint8Array | undefined): string | undefined {
  if (bundle === undefined || certificatesProblem(bundle) !== undefined) return undefined
  return parseCertificates(bundle)
    .map(({ openssl }) => openssl.fingerprint256)
    .sort()
    .join(' ')
}
