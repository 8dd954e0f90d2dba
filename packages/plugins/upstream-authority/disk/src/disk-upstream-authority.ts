import {
  type CaRequest,
  type Clock,
  type IssuedCa,
  type UpstreamAuthority,
  UpstreamAuthorityError,
  type UpstreamBundle,
} from '@countersign/plugin-kit'
import {
  CertificateError,
  issueCaCertificate,
  parseCertificate,
  randomSerial,
  verifyCaCertificate,
  verifyCertificateRequest,
} from '@countersign/protocol'
import { nodeCrypto as crypto } from '@countersign/protocol/keys-node'
import { type CaFilePaths, CaFiles, type CaFilesContent } from './ca-files.ts'

export interface DiskUpstreamAuthorityOptions extends CaFilePaths {
  readonly clock: Clock
  readonly pathLength: number
}

/** For machines whose clocks are a little behind. */
const BACKDATE_SECONDS = 10

/** A CA whose certificate and key are files signs the server's own. */
export class DiskUpstreamAuthority implements UpstreamAuthority {
  readonly #options: DiskUpstreamAuthorityOptions
  readonly #files: CaFiles

  constructor(options: DiskUpstreamAuthorityOptions) {
    this.#options = options
    this.#files = new CaFiles(options)
  }

  async issueCa(request: CaRequest): Promise<IssuedCa> {
    const files = await this.#files.read()
    await requirePossession(request)
    try {
      return await this.#sign(files, request)
    } catch (cause) {
      if (!(cause instanceof CertificateError)) throw cause
      throw new UpstreamAuthorityError(
        'ERR_UPSTREAM_AUTHORITY_CERTIFICATE',
        `upstream certificate cannot sign a CA of this trust domain: ${cause.message}`,
        { detail: [cause.code, cause.detail].filter(Boolean).join(' '), cause },
      )
    }
  }

  async readBundle(): Promise<UpstreamBundle> {
    const { roots } = await this.#files.read()
    return { roots, taintedRoots: [], jwtAuthorities: [], witAuthorities: [] }
  }

  async close(): Promise<void> {}

  async #sign({ key, ca, chain, roots }: CaFilesContent, request: CaRequest): Promise<IssuedCa> {
    const { clock, pathLength } = this.#options
    const now = clock.now()
    const { publicKeySpki, trustDomain, lifetimeSeconds } = request
    const serial = randomSerial(crypto)
    const signer = parseCertificate(ca)
    // As those will who rely on it.
    const verify = (first: readonly Uint8Array[]) =>
      verifyCaCertificate({ chain: [...first, ...chain], roots, trustDomain, now, crypto })
    const endsAt = chain.length === 0 ? signer.notAfter : (await verify([])).expiresAt
    const certificate = await issueCaCertificate({
      issuer: { certificate: ca, key },
      crypto,
      publicKeySpki,
      subject: { organization: 'Countersign', commonName: 'Workload identity authority' },
      trustDomain,
      notBefore: Math.max(now - BACKDATE_SECONDS, signer.notBefore),
      // One that has ended already is refused below, by that name.
      notAfter: Math.max(Math.min(now + lifetimeSeconds, endsAt), signer.notBefore),
      serial,
      pathLength,
    })
    const { intermediates } = await verify([certificate])
    return { chain: [certificate, ...intermediates.map(({ raw }) => raw)], roots }
  }
}

async function requirePossession({ csr, publicKeySpki }: CaRequest): Promise<void> {
  try {
    const verified = await verifyCertificateRequest(csr, crypto)
    if (Buffer.compare(verified.publicKeySpki, publicKeySpki) !== 0) throw new TypeError('other key')
  } catch (cause) {
    throw new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_REFUSED', 'request is not signed by the key it is for', {
      cause,
    })
  }
}
