import { type CryptoBackend, type Eventual, isLater, whenFailed, whenReady } from '../keys/crypto-backend.ts'
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { verifyCrl } from './crl.ts'
import { X509Anchors } from './x509-anchors.ts'

/** A list that was not believed. */
export interface RefusedCrl {
  /** DER, or what should have been. */
  readonly crl: Uint8Array
  readonly error: CertificateError
}

/**
 * What the authorities of one trust domain have revoked, read once. Replace it when the lists or the authorities change.
 *
 * An issuer is known by its key, not its name: authorities may share a name, and one key may have several certificates.
 */
export class X509Revocations {
  /** Hexadecimal serial numbers, by the SubjectPublicKeyInfo of their issuer. */
  readonly #serials: Map<string, Set<string>>
  /** CAs below the authorities whose lists have been looked for, by their SubjectPublicKeyInfo. */
  readonly #read = new Map<string, Eventual<undefined>>()
  /**
   * Lists that say nothing here: malformed, or not signed by any of the authorities. One of the latter,
   * `ERR_CERTIFICATE_UNTRUSTED`, may yet be that of a CA below them: it counts where a path leads through that CA.
   */
  readonly refused: readonly RefusedCrl[]

  private constructor(serials: Map<string, Set<string>>, refused: readonly RefusedCrl[]) {
    this.#serials = serials
    this.refused = refused
  }

  /**
   * Verifies lists. One that cannot be believed takes nothing away from the others. One that is out of date counts: it
   * may lack what was revoked since, but what it names is revoked. Of several by one authority all count.
   *
   * @param crls DER
   * @param anchors the authorities of the trust domain
   */
  static read(crls: readonly Uint8Array[], anchors: X509Anchors): Eventual<X509Revocations> {
    const serials = new Map<string, Set<string>>()
    const refused: RefusedCrl[] = []
    /** A loop as long as answers come at once: whoever sends the lists also says how many there are. */
    const readFrom = (start: number): Eventual<X509Revocations> => {
      for (let index = start; index < crls.length; index++) {
        const crl = crls[index] as Uint8Array
        const note = (error: CertificateError | undefined) => {
          if (error !== undefined) refused.push({ crl, error })
        }
        const added = addList(crl, anchors, serials)
        if (isLater(added)) {
          return whenReady(added, (error) => {
            note(error)
            return readFrom(index + 1)
          })
        }
        note(added)
      }
      return new X509Revocations(serials, refused)
    }
    return readFrom(0)
  }

  /**
   * @param path leaf first, each followed by its issuer; verified
   * @throws CertificateError `ERR_CERTIFICATE_REVOKED` when an issuer has revoked what stands below it
   */
  rejectRevoked(path: readonly Certificate[], crypto: CryptoBackend): Eventual<undefined> {
    const rejectFrom = (index: number): Eventual<undefined> => {
      const [child, issuer] = [path[index], path[index + 1]]
      if (child === undefined || issuer === undefined) return undefined
      return whenReady(this.#readListsOf(issuer, crypto), () => {
        if (this.#serials.get(hex(issuer.spki))?.has(hex(child.serial)) !== true) return rejectFrom(index + 1)
        throw new CertificateError('ERR_CERTIFICATE_REVOKED', 'certificate has been revoked', {
          detail: hex(child.serial),
        })
      })
    }
    return rejectFrom(0)
  }

  /** A list does not say who the CA is that signed it; once a path has led to that CA, it can be believed. */
  #readListsOf(issuer: Certificate, crypto: CryptoBackend): Eventual<undefined> {
    const waiting = this.refused.filter(({ error }) => error.code === 'ERR_CERTIFICATE_UNTRUSTED')
    if (waiting.length === 0) return undefined
    const key = hex(issuer.spki)
    const known = this.#read.get(key)
    if (known !== undefined || this.#read.has(key)) return known
    const anchors = new X509Anchors([issuer.raw], crypto)
    const readFrom = (index: number): Eventual<undefined> => {
      const list = waiting[index]
      if (list === undefined) return undefined
      return whenReady(addList(list.crl, anchors, this.#serials), () => readFrom(index + 1))
    }
    // A CA that makes ever new ones below it must not fill the memory.
    if (this.#read.size >= MAX_ISSUERS) this.#read.clear()
    const reading = readFrom(0)
    this.#read.set(key, reading)
    return reading
  }
}

const MAX_ISSUERS = 256

/** @returns why the list does not count */
function addList(
  der: Uint8Array,
  anchors: X509Anchors,
  serials: Map<string, Set<string>>,
): Eventual<CertificateError | undefined> {
  const refuse = (error: unknown) => {
    if (error instanceof CertificateError) return error
    throw error
  }
  try {
    const added = whenReady(verifyCrl(der, anchors), ({ crl, signer }) => {
      const issuer = hex(signer.certificate.spki)
      const known = serials.get(issuer) ?? new Set()
      for (const serial of crl.revoked) known.add(hex(serial))
      serials.set(issuer, known)
      return undefined
    })
    return whenFailed<CertificateError | undefined>(added, refuse)
  } catch (error) {
    return refuse(error)
  }
}

function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}
