import { pathProblem } from '../artefacts/certificate-path.ts'
import { missingField } from '../artefacts/response-content.ts'
import { isTooLong, spiffeIdProblem } from '../artefacts/spiffe-ids.ts'
import {
  certificatesProblem,
  isKeyOf,
  isSelfSigned,
  type ParsedCertificate,
  parseCertificates,
  privateKeyProblem,
} from '../artefacts/x509-content.ts'
import { type Check, hardening, must, should, skip } from '../check.ts'
import type { Probe } from '../probe.ts'
import type { Responses } from '../rpcs.ts'
import { hintChecks } from './hints.ts'

export type X509Svid = Responses['FetchX509SVID']['svids'][number]

const API = 'SPIFFE Workload API section 5.2.1'
const MESSAGES = 'SPIFFE Workload API section 5.1 (X509SVID)'

/** What `FetchX509SVID` serves besides the leaf's own fields. */
export const X509_SVID_CHECKS: readonly Check[] = [
  must('X509-SVIDS-NOT-EMPTY', {
    title: 'a response has at least one X509-SVID',
    section: API,
    needs: ['RPC-FETCH-X509-SVID'],
    expected: 'one or more svids',
    look: async (probe) => ((await svidsOf(probe)).length === 0 ? 'none' : undefined),
  }),
  must('X509-MANDATORY-FIELDS', {
    title: 'every field of an X509-SVID but the hint is set',
    section: API,
    needs: ['X509-SVIDS-NOT-EMPTY'],
    expected: 'spiffe_id, x509_svid, x509_svid_key and bundle',
    look: async (probe) => missingField(await svidsOf(probe)),
  }),
  ...hintChecks('X509', 'FetchX509SVID', '5.2.1'),
  must('X509-ID-VALID', {
    title: 'each spiffe_id is the SPIFFE ID of a workload',
    section: 'SPIFFE-ID section 2',
    needs: ['X509-MANDATORY-FIELDS'],
    expected: 'a valid SPIFFE ID with a path',
    look: (probe) => eachSvid(probe, ({ spiffeId }) => spiffeIdProblem(spiffeId)),
  }),
  should('X509-ID-LENGTH', {
    title: 'each SPIFFE ID has at most 2048 bytes',
    section: 'SPIFFE-ID section 2.3',
    needs: ['X509-MANDATORY-FIELDS'],
    expected: 'at most 2048 bytes',
    look: (probe) => eachSvid(probe, ({ spiffeId }) => (isTooLong(spiffeId) ? `${spiffeId.length} bytes` : undefined)),
  }),
  must('X509-DER', {
    title: 'x509_svid is a chain of DER certificates, not PEM',
    section: MESSAGES,
    needs: ['X509-MANDATORY-FIELDS'],
    expected: 'DER certificates one after the other',
    look: (probe) => eachSvid(probe, ({ x509Svid }) => certificatesProblem(x509Svid)),
  }),
  must('X509-LEAF-FIRST', {
    title: 'the leaf certificate comes first',
    section: MESSAGES,
    needs: ['X509-DER', 'X509-KEY-PKCS8'],
    expected: 'the certificate of the private key, or the only one that is no CA, in the first place',
    look: (probe) => eachSvid(probe, leafPlaceProblem),
  }),
  hardening('X509-NO-ROOT', {
    title: 'the chain leaves the root out, which peers must have from elsewhere',
    section: MESSAGES,
    needs: ['X509-LEAF-FIRST'],
    expected: 'the leaf and intermediates',
    look: (probe) =>
      eachSvid(probe, ({ x509Svid }) =>
        parseCertificates(x509Svid).slice(1).some(isSelfSigned) ? 'a self-signed certificate' : undefined,
      ),
  }),
  must('X509-KEY-PKCS8', {
    title: 'x509_svid_key is an unencrypted PKCS#8 key in DER, not PEM',
    section: MESSAGES,
    needs: ['X509-MANDATORY-FIELDS'],
    expected: 'a PKCS#8 private key',
    look: (probe) => eachSvid(probe, ({ x509SvidKey }) => privateKeyProblem(x509SvidKey)),
  }),
  must('X509-KEY-MATCHES', {
    title: 'the private key is that of the leaf',
    section: MESSAGES,
    needs: ['X509-LEAF-FIRST'],
    expected: "the key of the leaf's public key",
    look: (probe) =>
      eachLeaf(probe, (leaf, svid) => (isKeyOf(svid.x509SvidKey, leaf) ? undefined : 'the key of something else')),
  }),
  must('X509-CHAIN', {
    title: 'the chain leads to its own bundle field',
    section: 'X509-SVID section 5.1',
    needs: ['X509-NOT-EXPIRED', 'X509-BUNDLE-CA', 'X509-SIGNERS', 'X509-SIGNERS-ID'],
    expected: 'a valid path from the leaf to a certificate of bundle',
    look: (probe) =>
      eachSvid(probe, ({ x509Svid, bundle }) =>
        pathProblem(parseCertificates(x509Svid), parseCertificates(bundle), probe.options.now()),
      ),
  }),
  must('X509-SIGNERS', {
    title: 'certificates after the leaf are CAs that may sign certificates',
    section: 'X509-SVID sections 4.1 and 4.3',
    needs: ['X509-LEAF-FIRST'],
    expected: 'cA true and keyCertSign, key usage critical',
    look: (probe) => eachSigner(probe, signingProblem),
  }),
  must('X509-SIGNERS-ID', {
    title: 'the SPIFFE ID of a certificate after the leaf, if it has one, has no path',
    section: 'X509-SVID section 3.2',
    needs: ['X509-LEAF-FIRST'],
    expected: 'a trust domain without a path',
    look: (probe) => eachSigner(probe, signerIdProblem),
  }),
  must('X509-BUNDLE-DER', {
    title: 'bundle is a list of DER certificates, not PEM',
    section: MESSAGES,
    needs: ['X509-MANDATORY-FIELDS'],
    expected: 'DER certificates one after the other',
    look: (probe) => eachSvid(probe, ({ bundle }) => certificatesProblem(bundle)),
  }),
  must('X509-BUNDLE-CA', {
    title: 'certificates of bundle are CAs that may sign certificates',
    section: 'X509-SVID sections 4.1 and 4.3',
    needs: ['X509-BUNDLE-DER'],
    expected: 'cA true and keyCertSign, key usage critical',
    look: (probe) => eachSvid(probe, ({ bundle }) => first(parseCertificates(bundle), signingProblem)),
  }),
  must('X509-BUNDLE-ID', {
    title: 'the SPIFFE ID of a certificate of bundle, if it has one, has no path',
    section: 'X509-SVID section 3.2',
    needs: ['X509-BUNDLE-DER'],
    expected: 'a trust domain without a path',
    look: (probe) => eachSvid(probe, ({ bundle }) => first(parseCertificates(bundle), signerIdProblem)),
  }),
  must('X509-CRL-DER', {
    title: 'revocation lists are DER, not PEM',
    section: 'SPIFFE Workload API section 5.1 (X509SVIDResponse)',
    needs: ['RPC-FETCH-X509-SVID'],
    expected: 'a DER CertificateList in each crl',
    async look(probe) {
      const { crl } = await probe.state('FetchX509SVID')
      if (crl.length === 0) return skip('this server sends no revocation lists')
      return crl.every(looksLikeCrl) ? undefined : 'something else'
    },
  }),
]

export async function svidsOf(probe: Probe): Promise<readonly X509Svid[]> {
  return (await probe.state('FetchX509SVID')).svids
}

type Find<T> = (item: T) => string | undefined | Promise<string | undefined>

/** The first problem of any X509-SVID. */
export async function eachSvid(probe: Probe, find: Find<X509Svid>): Promise<string | undefined> {
  for (const [index, svid] of (await svidsOf(probe)).entries()) {
    const problem = await find(svid)
    if (problem !== undefined) return `svids[${index}]: ${problem}`
  }
  return undefined
}

export function eachLeaf(
  probe: Probe,
  find: (leaf: ParsedCertificate, svid: X509Svid) => string | undefined,
): Promise<string | undefined> {
  return eachSvid(probe, (svid) => {
    const [leaf] = parseCertificates(svid.x509Svid)
    return leaf === undefined ? 'no certificate' : find(leaf, svid)
  })
}

function eachSigner(probe: Probe, find: (ca: ParsedCertificate) => string | undefined) {
  return eachSvid(probe, ({ x509Svid }) => first(parseCertificates(x509Svid).slice(1), find))
}

export function first<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const problem = find(item)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Out of place when it is no candidate itself and a later one is. */
function leafPlaceProblem({ x509Svid, x509SvidKey }: X509Svid): string | undefined {
  const chain = parseCertificates(x509Svid)
  const isLeaf = (each: ParsedCertificate) => !each.certificate.isCa || isKeyOf(x509SvidKey, each)
  const place = chain.findIndex(isLeaf)
  return place > 0 ? `in place ${place + 1}` : undefined
}

export function signingProblem({ certificate }: ParsedCertificate): string | undefined {
  if (!certificate.isCa) return 'cA is false'
  if (certificate.keyUsage?.has('keyCertSign') !== true) return 'no keyCertSign'
  return certificate.isKeyUsageCritical ? undefined : 'key usage is not critical'
}

export function signerIdProblem({ certificate }: ParsedCertificate): string | undefined {
  const id = certificate.uriSans.find((uri) => uri.startsWith('spiffe:'))
  return id === undefined || /^spiffe:\/\/[^/]+\/?$/.test(id) ? undefined : 'a SPIFFE ID with a path'
}

/** `CertificateList ::= SEQUENCE { tbsCertList SEQUENCE, … }`. RFC 5280 section 5.1. */
function looksLikeCrl(octets: Uint8Array): boolean {
  const lengthOctets = (octets[1] ?? 0) < 0x80 ? 0 : (octets[1] ?? 0) & 0x7f
  return octets[0] === 0x30 && octets[2 + lengthOctets] === 0x30 && derLength(octets) === octets.length
}

function derLength(octets: Uint8Array): number {
  const short = octets[1] ?? 0
  if (short < 0x80) return 2 + short
  const count = short & 0x7f
  return 2 + count + octets.subarray(2, 2 + count).reduce((sum, octet) => sum * 256 + octet, 0)
}
