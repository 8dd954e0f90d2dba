import { X509Certificate } from 'node:crypto'
import { type Certificate, parseCertificate, WorkloadIdentityError } from '@countersign/protocol'
import { isoTime, relativeTime } from '../terminal/time-text.ts'
import { InspectError } from './inspect-error.ts'
import { field, type InspectedField, type InspectedPart, type Inspection } from './inspection.ts'

/** A chain, leaf first. @throws InspectError `ERR_INSPECT_MALFORMED` */
export function inspectCertificates(chain: readonly Uint8Array[], now: number): Inspection {
  const described = chain.map((der, index) => describeCertificate(der, titleOf(index, chain.length), now))
  return {
    kind: 'certificate',
    title: chain.length === 1 ? 'X.509 certificate' : `${chain.length} X.509 certificates`,
    parts: described.map(({ part }) => part),
    warnings: described.flatMap(({ warnings }) => warnings),
  }
}

function titleOf(index: number, count: number): string {
  return count === 1 ? 'certificate' : `certificate ${index + 1}`
}

/** Read with OpenSSL, which takes what others refuse; what the strict reader says becomes a warning. */
export function describeCertificate(
  der: Uint8Array,
  title: string,
  now: number,
): { readonly part: InspectedPart; readonly warnings: readonly string[] } {
  const certificate = readLeniently(der)
  const notBefore = Math.floor(Date.parse(certificate.validFrom) / 1000)
  const notAfter = Math.floor(Date.parse(certificate.validTo) / 1000)
  const key = certificate.publicKey
  const strict = readStrictly(der)
  const fields: InspectedField[] = [
    field('subject', oneLine(certificate.subject)),
    field('issuer', oneLine(certificate.issuer), certificate.subject === certificate.issuer ? 'itself' : undefined),
    field('serial', certificate.serialNumber.toLowerCase()),
    field('not before', notBefore, `${isoTime(notBefore)}, ${relativeTime(notBefore, now)}`),
    field('not after', notAfter, `${isoTime(notAfter)}, ${relativeTime(notAfter, now)}`),
    field('key', [key.asymmetricKeyType, key.asymmetricKeyDetails?.namedCurve].filter(Boolean).join(' ')),
    field('is ca', certificate.ca, certificate.ca ? 'signs certificates' : 'authenticates, signs no certificates'),
    ...(typeof strict === 'string' ? [] : strictFields(strict)),
    field('sha-256', certificate.fingerprint256.replaceAll(':', '').toLowerCase(), 'fingerprint'),
  ]
  const warnings = [
    ...(notAfter < now ? [`${title} expired ${relativeTime(notAfter, now)}`] : []),
    ...(notBefore > now ? [`${title} is not valid yet: begins ${relativeTime(notBefore, now)}`] : []),
    ...(typeof strict === 'string'
      ? [`${title}: a verifier refuses its form: ${strict}`]
      : identityWarnings(strict, title)),
  ]
  return { part: { title, fields }, warnings }
}

function strictFields(certificate: Certificate): readonly InspectedField[] {
  const { uriSans, dnsSans, keyUsage, extKeyUsage } = certificate
  return [
    ...(uriSans.length === 0 ? [] : [field('uri names', uriSans, 'whom it names')]),
    ...(dnsSans.length === 0 ? [] : [field('dns names', dnsSans)]),
    ...(keyUsage === undefined ? [] : [field('key usage', [...keyUsage])]),
    ...(extKeyUsage === undefined ? [] : [field('extended key usage', extKeyUsage.map(usageName))]),
  ]
}

function identityWarnings({ isCa, uriSans }: Certificate, title: string): readonly string[] {
  if (isCa) return []
  if (uriSans.length === 0) return [`${title} names no workload: it is not an X509-SVID`]
  return uriSans.length > 1 ? [`${title} has ${uriSans.length} URI names: an X509-SVID has exactly one`] : []
}

const USAGES: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'serverAuth',
  '1.3.6.1.5.5.7.3.2': 'clientAuth',
}

function usageName(oid: string): string {
  return USAGES[oid] ?? oid
}

function readLeniently(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw new InspectError('ERR_INSPECT_MALFORMED', 'certificate cannot be decoded')
  }
}

/** The certificate, or in words why the strict reader refuses it. */
function readStrictly(der: Uint8Array): Certificate | string {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (error instanceof WorkloadIdentityError) return error.detail ?? error.message
    throw error
  }
}

/** node:crypto writes one attribute per line. */
function oneLine(name: string | undefined): string {
  return name === undefined || name === '' ? '(empty)' : name.split('\n').join(', ')
}
