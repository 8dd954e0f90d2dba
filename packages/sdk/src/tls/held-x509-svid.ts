import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { encodePem, parseCertificate, WorkloadId } from '@countersign/protocol'
import { splitCertificates, type X509SVID } from '@countersign/workload-api'
import { SdkError } from '../sdk-error.ts'

/** One X.509 identity this program holds. */
export interface HeldX509Svid {
  readonly id: WorkloadId
  /** The operator's name for it, where a program has several. */
  readonly hint: string | undefined
  /** DER, leaf first, without the root. */
  readonly chain: readonly Uint8Array[]
  /** The leaf's private key. Shows nothing secret when it is logged. */
  readonly key: KeyObject
  /** When the first certificate of the chain ends, seconds since the Unix epoch. */
  readonly expiresAt: number
}

/**
 * Reads an X509-SVID as the Workload API delivers it. The agent is trusted to have verified the chain: it gave the key.
 *
 * @throws SdkError `ERR_SDK_WORKLOAD_API` when the delivery makes no sense; nothing of it is quoted
 */
export function readX509Svid(svid: X509SVID): HeldX509Svid {
  try {
    const chain = splitCertificates(svid.x509Svid)
    const [leaf, ...others] = chain.map(parseCertificate)
    const [uri, ...furtherUris] = leaf?.uriSans ?? []
    if (leaf === undefined) throw new TypeError('no certificate')
    if (uri !== svid.spiffeId || furtherUris.length > 0) throw new TypeError('certificate is for another identity')
    if (leaf.isCa) throw new TypeError('certificate is an authority')
    const held = {
      id: WorkloadId.parse(svid.spiffeId),
      hint: svid.hint === '' ? undefined : svid.hint,
      chain,
      key: readKey(svid.x509SvidKey, leaf.raw),
      expiresAt: Math.min(leaf.notAfter, ...others.map(({ notAfter }) => notAfter)),
    }
    // What OpenSSL will not take (a key below its security level) must not be found out by the next connection.
    createSecureContext(tlsCredential(held))
    return held
  } catch (cause) {
    throw new SdkError('ERR_SDK_WORKLOAD_API', 'the agent delivered an X.509 identity that cannot be read', { cause })
  }
}

/** The forms TLS takes them in, PEM. Secret. */
export function tlsCredential({ chain, key }: Pick<HeldX509Svid, 'chain' | 'key'>): { key: string; cert: string } {
  return { key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: encodePem(chain) }
}

function readKey(pkcs8: Uint8Array, leaf: Uint8Array): KeyObject {
  const key = importKey(pkcs8)
  if (!new X509Certificate(leaf).checkPrivateKey(key)) throw new TypeError('certificate is for another key')
  return key
}

function importKey(pkcs8: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  } catch {
    // The cause is dropped on purpose: some OpenSSL messages quote their input.
    throw new TypeError('private key cannot be read')
  }
}
