/**
 * Requests of any shape, signed here and verified by the npm package `http-message-signatures`, and the other way round.
 *
 * Left out of what is generated, because the other one departs from RFC 9421 there:
 * - it writes the method in upper case (section 2.2.1: as it is);
 * - it takes path, query and target from a WHATWG URL (sections 2.2.2 to 2.2.7: as on the wire), which encodes some
 *   characters anew, resolves dot segments and loses an empty query, so targets here are already in that form;
 * - it leaves `!'()~` of a query parameter unencoded (section 2.2.8: a form encodes them), and writes one line for each of
 *   several parameters of one name (section 2.2.8: such a name must not be covered);
 * - it guesses the type of a field under `sf` (section 2.1.1: the field must be known), and reads a dictionary of bare keys
 *   under `key` as a list, so dictionaries here have a value;
 * - it takes characters above ASCII under `bs` for UTF-8 (here: the bytes of the wire), and unfolds folded lines (here:
 *   refused).
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { FakeIssuer } from '@countersign/testing'
import fc from 'fast-check'
import { createSigner, createVerifier, httpbis } from 'http-message-signatures'
import { describe, expect, it } from 'vitest'
import { WorkloadIdentityError } from '../errors/workload-identity-error.ts'
import { AudiencePolicy } from '../http/audience.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { WitVerifier } from '../verification/wit-verifier.ts'
import type { HttpRequest } from './http-message.ts'
import { HttpSignatureBuilder } from './http-signature-builder.ts'
import { HttpSignatureVerifier } from './http-signature-verifier.ts'
import { SIGNATURE_TAG } from './wimse-profile.ts'

const NOW = 1_800_000_000
const AUDIENCE = 'https://api.example/orders'

/** What a form leaves as it is, and nothing else. */
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

interface Query {
  readonly text: string
  readonly components: readonly string[]
}

const parameter = fc.tuple(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
  fc.string({ unit: 'grapheme', maxLength: 8 }).filter((value) => !/[!'()~]/.test(value)),
  fc.boolean(),
)
const query: fc.Arbitrary<Query> = fc
  .uniqueArray(parameter, { minLength: 1, maxLength: 4, selector: ([name]) => name })
  .map((parameters) => ({
    text: parameters.map(([name, value]) => `${encode(name)}=${encode(value).replaceAll('%20', '+')}`).join('&'),
    components: parameters.filter(([, , covered]) => covered).map(([name]) => `"@query-param";name="${encode(name)}"`),
  }))

const visible = fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/)
const values = fc.array(visible, { minLength: 1, maxLength: 3 })
const spaces = fc.constantFrom('', ' ', '  ')
const dictionary = fc
  .tuple(
    fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,4}$/), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('1', '"x y"', 'token', '?0', ':AAEC:', '(a  1);p', '1.50;q=2'),
    spaces,
  )
  .map(([keys, value, space]) => ({ keys, value: keys.map((key) => `${key}=${value}`).join(`,${space}`) }))

interface Field {
  readonly name: string
  readonly values: readonly string[]
  readonly components: readonly string[]
}

const plainField = (name: string): fc.Arbitrary<Field> =>
  fc.tuple(values, fc.subarray([`"${name}"`, `"${name}";bs`])).map(([list, components]) => ({
    name,
    values: list,
    components,
  }))
const dictionaryField = (name: string): fc.Arbitrary<Field> =>
  fc.tuple(dictionary, fc.boolean(), fc.boolean()).map(([{ keys, value }, sf, key]) => ({
    name,
    values: [value],
    components: [...(sf ? [`"${name}";sf`] : []), ...(key ? [`"${name}";key="${keys.at(-1)}"`] : [])],
  }))

interface Generated {
  readonly request: HttpRequest
  readonly url: string
  readonly components: readonly string[]
}

const generated: fc.Arbitrary<Generated> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY'),
    path: fc.array(fc.stringMatching(/^[A-Za-z0-9_~$&+,;=:@-]{1,8}$/), { maxLength: 3 }),
    query: fc.option(query, { nil: undefined }),
    authority: fc.constantFrom('api.example', 'API.Example', 'api.example:8443', 'api.example:443', '[2001:db8::1]'),
    fields: fc.tuple(
      fc.option(plainField('X-List'), { nil: undefined }),
      fc.option(plainField('x-other'), { nil: undefined }),
      fc.option(dictionaryField('Priority'), { nil: undefined }),
      fc.option(fc.constantFrom('Bearer abc', 'DPoP abc'), { nil: undefined }),
      fc.option(fc.constantFrom('a/b', 'application/json; charset=utf-8'), { nil: undefined }),
    ),
    derived: fc.subarray(['"@authority"', '"@scheme"', '"@path"', '"@query"']),
    body: fc.option(fc.uint8Array({ minLength: 1, maxLength: 8 }), { nil: undefined }),
  })
  .map(({ method, path, query: parameters, authority, fields, derived, body }) => {
    const [list, other, priority, authorization, contentType] = fields
    const target = `/${path.join('/')}${parameters === undefined ? '' : `?${parameters.text}`}`
    const all = [list, other, priority].filter((field) => field !== undefined)
    const rawHeaders = [
      ...all.flatMap((field) => field.values.flatMap((value) => [field.name, value])),
      ...(authorization === undefined ? [] : ['Authorization', authorization]),
      ...(contentType === undefined ? [] : ['Content-Type', contentType]),
    ]
    return {
      request: { method, target, rawHeaders, scheme: 'https', authority, ...(body === undefined ? {} : { body }) },
      url: `https://${authority}${target}`,
      components: [
        ...derived,
        ...(parameters?.components ?? []),
        ...all.flatMap((field) =>
          field.components.map((component) => component.replace(field.name, field.name.toLowerCase())),
        ),
      ],
    }
  })

/** One entry for each name, as the other implementation wants it. */
function toRecord(rawHeaders: readonly string[]): Record<string, string[]> {
  const record: Record<string, string[]> = {}
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    record[name] = [...(record[name] ?? []), rawHeaders[index + 1] as string]
  }
  return record
}

const fromRecord = (headers: Readonly<Record<string, string | readonly string[]>>) =>
  Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((each) => [name, each as string]))

/** Changes one thing that every signature here covers. */
const mutation = fc.oneof(
  fc.constant((request: HttpRequest): HttpRequest => ({ ...request, method: `${request.method}X` })),
  fc.constant((request: HttpRequest): HttpRequest => ({ ...request, target: `${request.target}x` })),
  fc
    .constantFrom('Workload-Identity-Token', 'Authorization', 'Content-Type')
    .map(
      (name) => (request: HttpRequest) =>
        changeField(request, name, (value) => `${value.slice(0, -1)}${value.endsWith('c') ? 'd' : 'c'}`),
    ),
  fc.nat().map(
    (position) => (request: HttpRequest) =>
      changeField(request, 'Signature-Input', (value) => {
        const digits = [...value.matchAll(/(?<=created=|expires=|[0-9])[0-9]/g)].map(({ index }) => index)
        const at = digits[position % digits.length] as number
        return value.slice(0, at) + ((Number(value[at]) + 1) % 10) + value.slice(at + 1)
      }),
  ),
  fc
    .constantFrom('"@method" ', '"@request-target" ', '"workload-identity-token"')
    .map(
      (component) => (request: HttpRequest) =>
        changeField(request, 'Signature-Input', (value) => value.replace(component, '')),
    ),
  fc.constant((request: HttpRequest) => changeField(request, 'Signature-Input', (value) => `${value};extra`)),
  fc.nat().map(
    (bit) => (request: HttpRequest) =>
      changeField(request, 'Signature', (value) => {
        const bytes = Buffer.from(value.slice(value.indexOf(':') + 1, -1), 'base64')
        const at = bit % (bytes.length * 8)
        bytes[at >> 3] = (bytes[at >> 3] as number) ^ (1 << (at & 7))
        return `wimse=:${bytes.toString('base64')}:`
      }),
  ),
)

function changeField(request: HttpRequest, name: string, change: (value: string) => string): HttpRequest {
  const rawHeaders = request.rawHeaders.map((text, index) =>
    index % 2 === 1 && request.rawHeaders[index - 1]?.toLowerCase() === name.toLowerCase() ? change(text) : text,
  )
  return { ...request, rawHeaders }
}

describe.each([
  ['ES256', 'ecdsa-p256-sha256'],
  ['EdDSA', 'ed25519'],
] as const)('http-message-signatures, %s', (alg, name) => {
  const issuer = new FakeIssuer()
  const client = issuer.workload('/client', { alg })
  const wit = client.wit(NOW)
  const builder = new HttpSignatureBuilder(wit, client.key, nodeCrypto)
  const verifier = new HttpSignatureVerifier({
    crypto: nodeCrypto,
    wit: new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }),
    audience: new AudiencePolicy({ accepted: [AUDIENCE] }),
    replayMemory: undefined,
  })
  const privateKey: KeyObject = createPrivateKey({
    ...{ key: Buffer.from(client.key.exportPkcs8()), format: 'der', type: 'pkcs8' },
  } as const)
  const otherSigner = createSigner(privateKey, name)
  const otherVerifier = createVerifier(createPublicKey(privateKey), name)

  async function signHere({ request, components }: Generated): Promise<HttpRequest> {
    const { rawHeaders } = await builder.signRequest(request, { now: NOW, audience: AUDIENCE, components })
    return { ...request, rawHeaders: [...request.rawHeaders, ...rawHeaders] }
  }

  async function signThere({ request, url, components }: Generated): Promise<HttpRequest> {
    const { body } = request
    const digest =
      body === undefined
        ? []
        : ['Content-Digest', `sha-256=:${Buffer.from(nodeCrypto.sha256(body)).toString('base64')}:`]
    const headers = toRecord([...request.rawHeaders, 'Workload-Identity-Token', wit, ...digest])
    const covered = ['Authorization', 'Content-Type', 'Content-Digest'].filter((field) => headers[field] !== undefined)
    const signed = await httpbis.signMessage(
      {
        key: otherSigner,
        name: 'wimse',
        fields: [
          ...['"@method"', '"@request-target"', '"workload-identity-token"'],
          ...covered.map((field) => `"${field.toLowerCase()}"`),
          ...components,
        ],
        params: ['created', 'expires', 'nonce', 'tag', 'wimse-aud'],
        paramValues: {
          created: new Date(NOW * 1000),
          expires: new Date((NOW + 60) * 1000),
          nonce: 'n1',
          tag: SIGNATURE_TAG,
          'wimse-aud': AUDIENCE,
        },
      },
      { method: request.method, url, headers },
    )
    return { ...request, rawHeaders: fromRecord(signed.headers) }
  }

  const verifyThere = ({ method, rawHeaders }: HttpRequest, url: string) =>
    httpbis.verifyMessage(
      {
        keyLookup: async () => ({ verify: otherVerifier }),
        requiredParams: ['created', 'expires', 'nonce', 'tag'],
        // Of its own clock it has no say.
        tolerance: 1e12,
      },
      { method, url, headers: toRecord(rawHeaders) },
    )

  it('verifies what is signed here', async () => {
    await fc.assert(
      fc.asyncProperty(generated, async (sample) => {
        expect(await verifyThere(await signHere(sample), sample.url)).toBe(true)
      }),
    )
  })

  it('signs what is verified here', async () => {
    await fc.assert(
      fc.asyncProperty(generated, async (sample) => {
        const verified = await verifier.verifyRequest(await signThere(sample), NOW)
        expect(verified).toMatchObject({ audience: AUDIENCE, nonce: 'n1' })
      }),
    )
  })

  it.each([
    ['here', signHere],
    ['there', signThere],
  ])('what was signed %s and changed is refused here', async (_, sign) => {
    await fc.assert(
      fc.asyncProperty(generated, mutation, async (sample, mutate) => {
        const signed = await sign(sample)
        const changed = mutate(signed)
        fc.pre(JSON.stringify(changed) !== JSON.stringify(signed))
        await expect(async () => verifier.verifyRequest(changed, NOW)).rejects.toThrow(WorkloadIdentityError)
      }),
      { numRuns: 300 },
    )
  })
})
