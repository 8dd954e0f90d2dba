import { durationText } from '../terminal/time-text.ts'
import { describeCertificate } from './inspect-certificate.ts'
import { describeJwk } from './inspect-jwk.ts'
import { field, type InspectedField, type InspectedPart, type Inspection } from './inspection.ts'
import { isJsonObject, type JsonRecord } from './json-record.ts'

const BUNDLE_USES: ReadonlySet<unknown> = new Set(['x509-svid', 'jwt-svid', 'wit-svid'])

/** A JWK Set, or a SPIFFE bundle document, which is one with rules of its own. */
export async function inspectKeySet(document: JsonRecord, now: number): Promise<Inspection> {
  const keys = keysOf(document)
  const isBundle =
    document['spiffe_sequence'] !== undefined ||
    document['spiffe_refresh_hint'] !== undefined ||
    keys.some((key) => isJsonObject(key) && BUNDLE_USES.has(key['use']))
  const { parts, warnings } = await describeKeys(document, now, '', isBundle)
  return {
    kind: isBundle ? 'spiffe-bundle' : 'jwk-set',
    title: isBundle ? 'SPIFFE bundle document; it never says of which trust domain' : 'JWK Set',
    parts,
    warnings,
  }
}

/** `{"trust_domains": {"example.org": {bundle}}}`. SPIFFE Trust Domain and Bundle, bundle map. */
export async function inspectBundleMap(domains: JsonRecord, now: number): Promise<Inspection> {
  const parts: InspectedPart[] = []
  const warnings: string[] = []
  for (const [name, bundle] of Object.entries(domains)) {
    const described = await describeKeys(isJsonObject(bundle) ? bundle : {}, now, `${name}: `, true)
    parts.push(...described.parts)
    warnings.push(...described.warnings)
  }
  return { kind: 'bundle-map', title: 'map of SPIFFE bundles by trust domain', parts, warnings }
}

async function describeKeys(document: JsonRecord, now: number, prefix: string, isBundle: boolean) {
  const keys = keysOf(document)
  const parts: InspectedPart[] = [{ title: `${prefix}document`, fields: documentFields(document, keys.length) }]
  const warnings: string[] = []
  for (const [index, key] of keys.entries()) {
    const title = `${prefix}key ${index + 1}`
    if (!isJsonObject(key)) {
      warnings.push(`${title} is not an object`)
      continue
    }
    const certificate = isBundle && key['use'] === 'x509-svid' ? firstCertificate(key) : undefined
    const described =
      certificate === undefined ? await describeJwk(key, title) : describeCertificate(certificate, title, now)
    parts.push(described.part)
    warnings.push(...described.warnings, ...(isBundle ? bundleKeyWarnings(key, title) : []))
  }
  if (keys.length === 0) warnings.push(`${prefix}no keys: everything this set vouched for is withdrawn`)
  return { parts, warnings }
}

function keysOf(document: JsonRecord): readonly unknown[] {
  return Array.isArray(document['keys']) ? document['keys'] : []
}

function documentFields(document: JsonRecord, count: number): readonly InspectedField[] {
  const { spiffe_sequence: sequence, spiffe_refresh_hint: refreshHint } = document
  return [
    field('keys', count),
    ...(sequence === undefined ? [] : [field('spiffe_sequence', sequence, 'grows with every change')]),
    ...(typeof refreshHint === 'number'
      ? [field('spiffe_refresh_hint', refreshHint, `fetch again every ${durationText(refreshHint)}`)]
      : []),
  ]
}

function firstCertificate(key: JsonRecord): Buffer | undefined {
  const [first] = Array.isArray(key['x5c']) ? key['x5c'] : []
  return typeof first === 'string' ? Buffer.from(first, 'base64') : undefined
}

/** SPIFFE Trust Domain and Bundle section 4.2; WIT-SVID section 6. */
function bundleKeyWarnings(key: JsonRecord, title: string): readonly string[] {
  const { use, kid } = key
  if (!BUNDLE_USES.has(use)) return [`${title} has no use that SPIFFE knows: it is ignored`]
  if (use !== 'x509-svid') return kid === undefined ? [`${title} has no kid: it is ignored`] : []
  const warnings: string[] = []
  if (firstCertificate(key) === undefined) warnings.push(`${title} has no certificate: it is ignored`)
  if (kid !== undefined) warnings.push(`${title} has a kid, which an x509-svid key must not have`)
  return warnings
}
