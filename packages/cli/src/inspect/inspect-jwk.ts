import { jwkThumbprint, parsePublicJwk, WorkloadIdentityError } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { field, type InspectedPart, type Inspection } from './inspection.ts'
import type { JsonRecord } from './json-record.ts'
import { privateMembers, redactPrivate } from './redact-private.ts'

const MEMBERS: Readonly<Record<string, string>> = {
  kty: 'key type',
  crv: 'curve',
  kid: 'name of the key',
  alg: 'the only algorithm it may be used with',
  use: 'what it is for',
  key_ops: 'operations it is for',
  x5c: 'certificates, standard base64',
}

export async function inspectJwk(jwk: JsonRecord): Promise<Inspection> {
  const { part, warnings } = await describeJwk(jwk, 'key')
  const isPrivate = privateMembers(jwk).length > 0
  return { kind: 'jwk', title: isPrivate ? 'private JSON Web Key' : 'JSON Web Key', parts: [part], warnings }
}

/** One key with its thumbprint, and what speaks against using it. */
export async function describeJwk(
  jwk: JsonRecord,
  title: string,
): Promise<{ readonly part: InspectedPart; readonly warnings: readonly string[] }> {
  const redacted = redactPrivate(jwk, 'jwk') as JsonRecord
  const fields = Object.entries(redacted).map(([name, value]) =>
    field(name, value, Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined),
  )
  const hidden = privateMembers(jwk)
  const warnings = hidden.length === 0 ? [] : [`${title} holds private key material: keep it secret`]
  const publicMembers = Object.fromEntries(Object.entries(jwk).filter(([name]) => !hidden.includes(name)))
  try {
    const thumbprint = await jwkThumbprint(parsePublicJwk(publicMembers), nodeCrypto)
    return { part: { title, fields: [...fields, field('thumbprint', thumbprint, 'SHA-256, RFC 7638')] }, warnings }
  } catch (error) {
    if (!(error instanceof WorkloadIdentityError)) throw error
    return { part: { title, fields }, warnings: [...warnings, `${title} cannot be used: ${error.message}`] }
  }
}
