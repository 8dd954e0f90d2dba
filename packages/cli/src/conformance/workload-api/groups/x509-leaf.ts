import type { ParsedCertificate } from '../artefacts/x509-content.ts'
import { type Check, must, should } from '../check.ts'
import { eachLeaf, type X509Svid } from './x509-svid.ts'

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const EMPTY_NAME_LENGTH = 2
/** Clocks differ. */
const SKEW_SECONDS = 60

interface LeafRule {
  readonly title: string
  readonly section: string
  readonly expected: string
  readonly needs?: readonly string[]
  readonly find: (leaf: ParsedCertificate, svid: X509Svid, now: number) => string | undefined
}

function rule({ find, needs = [], ...about }: LeafRule) {
  return {
    ...about,
    needs: ['X509-LEAF-FIRST', ...needs],
    look: (probe: Parameters<Check['look']>[0]) =>
      eachLeaf(probe, (leaf, svid) => find(leaf, svid, probe.options.now())),
  }
}

/** The fields of the leaf certificate. X509-SVID sections 2 to 4. */
export const X509_LEAF_CHECKS: readonly Check[] = [
  must(
    'X509-ONE-URI',
    rule({
      title: 'the leaf has exactly one URI name',
      section: 'X509-SVID section 2',
      expected: 'one URI in the subject alternative name',
      find: ({ certificate: { uriSans } }) => (uriSans.length === 1 ? undefined : `${uriSans.length} URIs`),
    }),
  ),
  must(
    'X509-ID-MATCHES',
    rule({
      title: 'spiffe_id is the URI name of the leaf',
      section: 'SPIFFE Workload API section 5.1 (X509SVID)',
      needs: ['X509-ONE-URI'],
      expected: 'the same SPIFFE ID in both',
      find: ({ certificate }, { spiffeId }) => (certificate.uriSans[0] === spiffeId ? undefined : 'another one'),
    }),
  ),
  must(
    'X509-CA-FALSE',
    rule({
      title: 'the leaf is no CA',
      section: 'X509-SVID section 4.1',
      expected: 'cA false',
      find: ({ certificate }) => (certificate.isCa ? 'cA true' : undefined),
    }),
  ),
  must(
    'X509-KEY-USAGE',
    rule({
      title: 'the leaf has a critical key usage',
      section: 'X509-SVID section 4.3',
      expected: 'the extension, marked critical',
      find({ certificate: { keyUsage, isKeyUsageCritical } }) {
        if (keyUsage === undefined) return 'no key usage'
        return isKeyUsageCritical ? undefined : 'not critical'
      },
    }),
  ),
  must(
    'X509-DIGITAL-SIGNATURE',
    rule({
      title: 'the key of the leaf signs',
      section: 'X509-SVID section 4.3',
      needs: ['X509-KEY-USAGE'],
      expected: 'digitalSignature',
      find: ({ certificate }) => (certificate.keyUsage?.has('digitalSignature') ? undefined : 'no digitalSignature'),
    }),
  ),
  must(
    'X509-NO-CERT-SIGN',
    rule({
      title: 'the key of the leaf signs no certificates and no revocation lists',
      section: 'X509-SVID section 4.3',
      needs: ['X509-KEY-USAGE'],
      expected: 'neither keyCertSign nor cRLSign',
      find: ({ certificate: { keyUsage } }) =>
        (['keyCertSign', 'cRLSign'] as const).find((usage) => keyUsage?.has(usage)),
    }),
  ),
  should(
    'X509-EKU-PRESENT',
    rule({
      title: 'the leaf has an extended key usage',
      section: 'X509-SVID section 4.4',
      expected: 'the extension',
      find: ({ certificate }) => (certificate.extKeyUsage === undefined ? 'none' : undefined),
    }),
  ),
  must(
    'X509-EKU-BOTH',
    rule({
      title: 'an extended key usage names both sides of TLS',
      section: 'X509-SVID section 4.4',
      expected: 'id-kp-serverAuth and id-kp-clientAuth, if there is one',
      find({ certificate: { extKeyUsage } }) {
        if (extKeyUsage === undefined) return undefined
        return [SERVER_AUTH, CLIENT_AUTH].every((each) => extKeyUsage.includes(each)) ? undefined : 'only one of them'
      },
    }),
  ),
  must(
    'X509-SAN-CRITICAL',
    rule({
      title: 'a leaf without a subject has a critical subject alternative name',
      section: 'X509-SVID section 3.1',
      expected: 'a subject, or the extension marked critical',
      find: ({ certificate: { subject, isSubjectAltNameCritical } }) =>
        subject.length > EMPTY_NAME_LENGTH || isSubjectAltNameCritical ? undefined : 'neither',
    }),
  ),
  must(
    'X509-NOT-EXPIRED',
    rule({
      title: 'the leaf is valid now',
      section: 'X509-SVID section 5.1 (RFC 5280 section 6.1.3)',
      expected: 'now between notBefore and notAfter',
      find({ certificate: { notBefore, notAfter } }, _, now) {
        if (now > notAfter) return `expired ${now - notAfter} s ago`
        return now + SKEW_SECONDS < notBefore ? `valid in ${notBefore - now} s` : undefined
      },
    }),
  ),
]
