import {
  AudiencePolicy,
  JwtSvidVerifier,
  type TrustStore,
  verifyX509Svid,
  WitVerifier,
  WptVerifier,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { CliError } from '../cli-error.ts'
import { holdsPrivateKey, pemCertificates } from '../files/pem.ts'
import { splitDer } from '../workload-api/split-der.ts'

/** What held, in the order in which it was checked, and what this command cannot check. */
export interface Verification {
  readonly subject: string
  /** Seconds since the epoch. */
  readonly expiresAt: number
  readonly passed: readonly string[]
  readonly notChecked: readonly string[]
}

export interface VerificationInput {
  readonly artefact: Uint8Array
  readonly trust: TrustStore
  readonly now: number
}

const WIT_CHECKS = [
  'form',
  'type',
  'algorithm',
  'subject',
  'trust domain',
  'signing key',
  'signature',
  'lifetime',
  'confirmation key',
]
const PROOF_CHECKS = [
  'proof form',
  'proof type',
  'proof algorithm',
  'proof signature',
  'proof audience',
  'proof lifetime',
  'proof made for this WIT',
  'proof id',
]
const JWT_CHECKS = [
  'form',
  'header',
  'algorithm',
  'subject',
  'trust domain',
  'signing key',
  'signature',
  'lifetime',
  'audience',
]
const X509_CHECKS = [
  'form',
  'one identifier',
  'trust domain',
  'leaf is no CA',
  'key usage',
  'validity period',
  'path to a root of its own trust domain',
]

/** @throws CredentialError `ERR_CREDENTIAL_*`, and with a proof ProofError `ERR_PROOF_*` */
export async function verifyWit(
  { artefact, trust, now }: VerificationInput,
  proof: { readonly wpt: string; readonly audience: string } | undefined,
): Promise<Verification> {
  const wit = await new WitVerifier({ trust, crypto: nodeCrypto }).verify(text(artefact), now)
  const result = { subject: wit.subject.toString(), expiresAt: wit.expiresAt }
  if (proof === undefined) {
    return { ...result, passed: WIT_CHECKS, notChecked: ['proof of possession: a WIT alone authenticates nobody'] }
  }
  const verifier = new WptVerifier({
    crypto: nodeCrypto,
    audience: new AudiencePolicy({ accepted: [proof.audience] }),
    replayMemory: undefined,
  })
  await verifier.verify(proof.wpt, { wit, target: '/', now })
  return {
    ...result,
    passed: [...WIT_CHECKS, ...PROOF_CHECKS],
    notChecked: ['replay: this command remembers no earlier proof'],
  }
}

/** @throws CredentialError `ERR_CREDENTIAL_*` */
export async function verifyJwtSvid(
  { artefact, trust, now }: VerificationInput,
  audience: string,
): Promise<Verification> {
  const verifier = new JwtSvidVerifier({ trust })
  const { subject, expiresAt } = await verifier.verify(text(artefact), audience, now)
  return {
    subject: subject.toString(),
    expiresAt,
    passed: JWT_CHECKS,
    notChecked: ['possession: whoever holds a JWT-SVID can use it'],
  }
}

/** @throws CertificateError `ERR_CERTIFICATE_*` */
export async function verifyX509({ artefact, trust, now }: VerificationInput): Promise<Verification> {
  const { id, expiresAt } = await verifyX509Svid({
    chain: readChain(artefact),
    roots: (origin) => trust.get(origin)?.x509Roots,
    now,
    crypto: nodeCrypto,
  })
  return {
    subject: id.toString(),
    expiresAt,
    passed: X509_CHECKS,
    notChecked: ['possession: only a TLS handshake shows who holds the key'],
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString().trim()
}

/** A chain as PEM or as DER certificates one after the other. */
function readChain(bytes: Uint8Array): readonly Uint8Array[] {
  const pem = Buffer.from(bytes).toString()
  if (holdsPrivateKey(pem)) {
    throw new CliError('ERR_CLI_FILE_MALFORMED', 'this holds a private key; give the certificates alone')
  }
  return pem.includes('-----BEGIN ') ? pemCertificates(pem) : splitDer(bytes)
}
