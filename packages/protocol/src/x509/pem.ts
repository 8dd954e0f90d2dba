import { decodeBase64url, encodeBase64url } from '../encoding/base64url.ts'
import { EncodingError } from '../encoding/encoding-error.ts'
import { CertificateError } from './certificate-error.ts'
import { MAX_DER_BYTES } from './der-reader.ts'

const BEGIN = '-----BEGIN CERTIFICATE-----'
const END = '-----END CERTIFICATE-----'
const LINE_CHARACTERS = 64
const BASE64_LINE = /^[A-Za-z0-9+/]{1,64}={0,2}$/
/** Room for some hundred certificates. */
const MAX_CHARACTERS = 1024 * 1024

/** One `CERTIFICATE` block for each certificate, with a newline at the end. RFC 7468 section 5. */
export function encodePem(certificates: readonly Uint8Array[]): string {
  return certificates.map(encodeBlock).join('')
}

/**
 * Decodes text that holds `CERTIFICATE` blocks, blank lines and nothing else.
 *
 * @returns the certificates, DER, in order; none for blank text. Their content is not parsed
 * @throws CertificateError `ERR_CERTIFICATE_PEM` for any other text or label (a private key, say), lines that are not 64
 *   characters long except the last, base64 that is not canonical, or an empty block
 * @throws CertificateError `ERR_CERTIFICATE_TOO_LARGE` for more than 1 MiB of text or 64 KiB in one block
 * @see RFC 7468 section 3 (stricttextualmsg)
 */
export function decodePem(text: string): Uint8Array[] {
  if (text.length > MAX_CHARACTERS) {
    throw new CertificateError('ERR_CERTIFICATE_TOO_LARGE', `PEM text is longer than ${MAX_CHARACTERS} characters`)
  }
  const certificates: Uint8Array[] = []
  let block: string[] | undefined
  for (const line of text.split(/\r?\n/)) {
    if (block === undefined) {
      if (line === BEGIN) block = []
      else if (line.trim() !== '') throw invalid('PEM text holds something other than certificates')
    } else if (line === END) {
      certificates.push(decodeBlock(block))
      block = undefined
    } else {
      block.push(line)
    }
  }
  if (block !== undefined) throw invalid('PEM block does not end')
  return certificates
}

function encodeBlock(der: Uint8Array): string {
  const base64 = toBase64(encodeBase64url(der))
  const lines = base64.match(/.{1,64}/g) ?? []
  return `${[BEGIN, ...lines, END].join('\n')}\n`
}

function decodeBlock(lines: readonly string[]): Uint8Array {
  const isRegular = lines.every(
    (line, index) => BASE64_LINE.test(line) && (line.length === LINE_CHARACTERS || index === lines.length - 1),
  )
  const base64 = lines.join('')
  if (!isRegular || base64.length === 0 || base64.length % 4 !== 0) throw invalid('PEM block is not regular base64')
  if (base64.length > (MAX_DER_BYTES / 3) * 4 + 4) {
    throw new CertificateError('ERR_CERTIFICATE_TOO_LARGE', `certificate is longer than ${MAX_DER_BYTES} bytes`)
  }
  try {
    return decodeBase64url(base64.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_'))
  } catch (cause) {
    if (!(cause instanceof EncodingError)) throw cause
    throw invalid('PEM block is not canonical base64')
  }
}

function toBase64(base64url: string): string {
  const padding = '='.repeat((4 - (base64url.length % 4)) % 4)
  return base64url.replaceAll('-', '+').replaceAll('_', '/') + padding
}

function invalid(message: string): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_PEM', message)
}
