import { encodeName } from './name.ts'

const ORGANIZATION = 'Countersign'
const DEFAULT_SUBJECT = encodeName({ organization: ORGANIZATION })

/**
 * The subject of every leaf certificate. Who it is for is in the alternative names only, so the name says the same of
 * all. It is not empty, because then the alternative name would have to be critical (RFC 5280 section 4.2.1.6), and
 * software that logs or requires a subject stumbles.
 *
 * @throws CertificateError `ERR_CERTIFICATE_SUBJECT`
 */
export function leafSubject(commonName?: string): Uint8Array {
  return commonName === undefined ? DEFAULT_SUBJECT : encodeName({ organization: ORGANIZATION, commonName })
}
