import { parseDictionary, parseItem, parseList } from './parse-structured-field.ts'
import { serializeDictionary, serializeList, serializeMember } from './serialize-structured-field.ts'

/** What a field as a whole is. RFC 8941 section 3. */
export type StructuredFieldType = 'list' | 'dictionary' | 'item'

/**
 * Fields whose type is settled: those registered with a structured type, and those older ones of which the HTTP working
 * group found that almost all values in use read as one (draft-ietf-httpbis-retrofit section 2). The type of any other
 * field would be a guess, and two that guess differently would sign different texts. Fields that may hold dates or display
 * strings (RFC 9651) are left out.
 */
const FIELDS: Readonly<Record<StructuredFieldType, readonly string[]>> = {
  list: [
    ...['accept', 'accept-ch', 'accept-encoding', 'accept-language', 'accept-patch', 'accept-post', 'accept-ranges'],
    ...['access-control-allow-headers', 'access-control-allow-methods', 'access-control-expose-headers'],
    ...['access-control-request-headers', 'allow', 'alpn', 'cache-status', 'cdn-loop', 'clear-site-data'],
    ...['client-cert-chain', 'connection', 'content-encoding', 'content-language', 'proxy-status'],
    ...['sec-websocket-extensions', 'sec-websocket-protocol', 'server-timing', 'te', 'timing-allow-origin', 'trailer'],
    ...['transfer-encoding', 'vary'],
  ],
  dictionary: [
    ...['accept-signature', 'alt-svc', 'cache-control', 'cdn-cache-control', 'content-digest', 'expect', 'keep-alive'],
    ...['pragma', 'prefer', 'preference-applied', 'priority', 'repr-digest', 'signature', 'signature-input'],
    ...['surrogate-control', 'want-content-digest', 'want-repr-digest'],
  ],
  item: [
    ...['access-control-allow-credentials', 'access-control-allow-origin', 'access-control-max-age'],
    ...['access-control-request-method', 'age', 'alt-used', 'capsule-protocol', 'client-cert', 'content-length'],
    ...['content-type', 'cross-origin-embedder-policy', 'cross-origin-opener-policy', 'cross-origin-resource-policy'],
    ...['host', 'max-forwards', 'origin', 'origin-agent-cluster', 'retry-after', 'sec-websocket-version'],
    ...['upgrade-insecure-requests', 'x-content-type-options', 'x-frame-options'],
  ],
}

const TYPES: ReadonlyMap<string, StructuredFieldType> = new Map(
  (Object.keys(FIELDS) as StructuredFieldType[]).flatMap((type) => FIELDS[type].map((name) => [name, type] as const)),
)

/** @param name in lower case */
export function structuredFieldType(name: string): StructuredFieldType | undefined {
  return TYPES.get(name)
}

/**
 * The one canonical text of a field's value.
 *
 * @param text the field's values, joined by ", "
 * @throws SignatureError `ERR_SIGNATURE_MALFORMED`, `ERR_SIGNATURE_TOO_LARGE`
 * @see RFC 9421 section 2.1.1, RFC 8941 section 4.1
 */
export function canonicalField(text: string, type: StructuredFieldType, name: string): string {
  switch (type) {
    case 'list':
      return serializeList(parseList(text, name))
    case 'dictionary':
      return serializeDictionary(parseDictionary(text, name))
    case 'item':
      return serializeMember(parseItem(text, name))
  }
}
