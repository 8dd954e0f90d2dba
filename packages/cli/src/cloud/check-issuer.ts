import { type JsonObject, parseJsonObject } from '@countersign/protocol'
import { CloudError } from './cloud-error.ts'
import type { Cloud } from './clouds.ts'
import { callHttps } from './https-call.ts'
import { validateAlgorithm } from './validate-identity.ts'

export interface CheckedIssuer {
  readonly issuer: string
  readonly jwksUri: string
  /** Of the keys it publishes. */
  readonly algorithms: readonly string[]
  /** Those that the cloud does not take: tokens are refused while such a key signs. */
  readonly refused: readonly string[]
}

const ALGORITHM = /^[A-Za-z0-9-]{1,16}$/
const MAX_KEYS = 100

/**
 * Looks at an issuer as a cloud would: metadata, keys, and whether one of them signs as the cloud wants it. What is reachable from
 * here need not be from there.
 *
 * @param roots PEM of the only roots to believe; clouds believe the well-known ones
 * @throws CloudError `ERR_CLOUD_UNREACHABLE`, `ERR_CLOUD_ANSWER`, `ERR_CLOUD_DISCOVERY`, `ERR_CLOUD_ALGORITHM`
 * @see OpenID Connect Discovery 1.0 section 4
 */
export async function checkIssuer(issuer: string, cloud: Cloud, roots: string | undefined): Promise<CheckedIssuer> {
  const metadataUrl = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const metadata = await fetchJson(metadataUrl, roots)
  if (metadata['issuer'] !== issuer) {
    throw new CloudError('ERR_CLOUD_DISCOVERY', `what is at ${metadataUrl} is the metadata of another issuer`)
  }
  const jwksUri = metadata['jwks_uri']
  if (typeof jwksUri !== 'string' || !URL.canParse(jwksUri) || new URL(jwksUri).protocol !== 'https:') {
    throw new CloudError('ERR_CLOUD_DISCOVERY', `the metadata at ${metadataUrl} names no keys at an https URL`)
  }
  const algorithms = algorithmsOf((await fetchJson(jwksUri, roots))['keys'])
  if (algorithms.length === 0) throw new CloudError('ERR_CLOUD_DISCOVERY', `there are no keys for tokens at ${jwksUri}`)
  const refused = algorithms.filter((name) => !cloud.algorithms.includes(name))
  if (refused.length === algorithms.length) validateAlgorithm(refused[0], cloud)
  return { issuer, jwksUri, algorithms, refused }
}

async function fetchJson(url: string, roots: string | undefined): Promise<JsonObject> {
  const { status, body } = await callHttps({ url: new URL(url), roots })
  if (status !== 200) throw new CloudError('ERR_CLOUD_DISCOVERY', `${url} answers with status ${status}`)
  try {
    return parseJsonObject(body)
  } catch (cause) {
    throw new CloudError('ERR_CLOUD_DISCOVERY', `${url} answers with something else than a JSON object`, { cause })
  }
}

function algorithmsOf(keys: unknown): readonly string[] {
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) return []
  const names = keys.flatMap((key: { readonly alg?: unknown } | null) =>
    typeof key?.alg === 'string' && ALGORITHM.test(key.alg) ? [key.alg] : [],
  )
  return [...new Set(names)].sort()
}
