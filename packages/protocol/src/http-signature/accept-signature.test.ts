import { expectCode, FakeIssuer } from '@countersign/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AudiencePolicy } from '../http/audience.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { WitVerifier } from '../verification/wit-verifier.ts'
import { formatAcceptSignature, parseAcceptSignature } from './accept-signature.ts'
import type { HttpRequest } from './http-message.ts'
import { HttpSignatureBuilder } from './http-signature-builder.ts'
import { HttpSignatureVerifier } from './http-signature-verifier.ts'
import { MAX_STRUCTURED_FIELD_LENGTH } from './parse-structured-field.ts'
import { SignatureError } from './signature-error.ts'

const TAG = 'tag="wimse-workload-to-workload"'
const PROFILE =
  '"@method" "@request-target" "content-type" "content-digest" "authorization" "txn-token" "workload-identity-token"'
const ask = (components: string, parameters = '') =>
  `wimse=(${PROFILE}${components});created;expires;${TAG}${parameters}`

describe('formatAcceptSignature', () => {
  it('asks for the profile', () => {
    expect(formatAcceptSignature()).toBe(ask(''))
    expect(
      formatAcceptSignature({ otherTokenFields: ['X-User', 'Txn-Token'], audience: 'urn:a"b', signResponse: true }),
    ).toBe(ask(' "x-user"', ';wimse-aud="urn:a\\"b";wimse-sign-response'))
    expect(formatAcceptSignature({ signResponse: false })).toBe(ask(''))
  })

  it.each([{ otherTokenFields: ['a b'] }, { otherTokenFields: ['a"'] }, { otherTokenFields: [''] }, { audience: 'é' }])(
    'does not write %j',
    (options) => {
      expect(() => formatAcceptSignature(options)).toThrow(TypeError)
    },
  )
})

describe('parseAcceptSignature', () => {
  it.each([
    [ask(''), { label: 'wimse', components: [] }],
    [`sig1=();${TAG}`, { label: 'sig1', components: [] }],
    [`wimse=();${TAG};created=?1;expires;nonce`, { label: 'wimse', components: [] }],
    [
      ask(' "x-user" "cache-control";sf "@authority" "@query-param";  name="q" "x";key="a"'),
      {
        label: 'wimse',
        components: ['"x-user"', '"cache-control";sf', '"@authority"', '"@query-param";name="q"', '"x";key="a"'],
      },
    ],
    [ask(' "content-type";bs'), { label: 'wimse', components: ['"content-type";bs'] }],
    [ask('', ';wimse-sign-response'), { label: 'wimse', components: [], signResponse: true }],
    [ask('', ';wimse-sign-response=?0'), { label: 'wimse', components: [], signResponse: false }],
    [ask('', ';wimse-aud="urn:a"'), { label: 'wimse', components: [], audience: 'urn:a' }],
    [`a=("@status");alg="x", wimse=("x");${TAG}, b=("y");${TAG}`, { label: 'wimse', components: ['"x"'] }],
  ])('reads %s', (value, expected) => {
    expect(parseAcceptSignature(value)).toEqual(expected)
  })

  it.each(['', 'wimse=("@method");created', 'a=();tag="other"', 'wimse=();tag=wimse-workload-to-workload'])(
    'finds nothing of the profile in %j',
    (value) => {
      expect(parseAcceptSignature(value)).toBe(undefined)
    },
  )

  it.each([
    ['broken text', 'wimse=(', 'ERR_SIGNATURE_MALFORMED'],
    ['an item', `wimse="@method";${TAG}`, 'ERR_SIGNATURE_MALFORMED'],
    ['an item of another label', `${ask('')}, a=1`, 'ERR_SIGNATURE_MALFORMED'],
    ['one label twice', `${ask('')}, ${ask('')}`, 'ERR_SIGNATURE_MALFORMED'],
    ['an endless text', ask('', `;wimse-aud="${'x'.repeat(MAX_STRUCTURED_FIELD_LENGTH)}"`), 'ERR_SIGNATURE_TOO_LARGE'],
    ['two of the profile', `a=();${TAG}, b=();${TAG}`, 'ERR_SIGNATURE_AMBIGUOUS'],
    ['keyid', ask('', ';keyid="k"'), 'ERR_SIGNATURE_KEY_ID'],
    ['alg', ask('', ';alg="ed25519"'), 'ERR_SIGNATURE_ALGORITHM'],
    ['a nonce', ask('', ';nonce="n"'), 'ERR_SIGNATURE_NONCE'],
    ['no nonce', ask('', ';nonce=?0'), 'ERR_SIGNATURE_NONCE'],
    ['an unknown parameter', ask('', ';max-age'), 'ERR_SIGNATURE_PARAMETER'],
    ['a parameter of responses', ask('', ';wimse-req-nonce="n"'), 'ERR_SIGNATURE_PARAMETER'],
    ['a time', `wimse=();created=1;${TAG}`, 'ERR_SIGNATURE_PARAMETER'],
    ['no time', `wimse=();created=?0;${TAG}`, 'ERR_SIGNATURE_PARAMETER'],
    ['an end', `wimse=();expires=1;${TAG}`, 'ERR_SIGNATURE_PARAMETER'],
    ['an audience that is a token', ask('', ';wimse-aud=a'), 'ERR_SIGNATURE_PARAMETER'],
    ['an empty audience', ask('', ';wimse-aud=""'), 'ERR_SIGNATURE_PARAMETER'],
    ['a long audience', ask('', `;wimse-aud="${'x'.repeat(2049)}"`), 'ERR_SIGNATURE_PARAMETER'],
    ['text for the flag', ask('', ';wimse-sign-response="yes"'), 'ERR_SIGNATURE_PARAMETER'],
    ['one component twice', ask(' "@method"'), 'ERR_SIGNATURE_COMPONENT_DUPLICATE'],
    ['an unknown component', ask(' "@other"'), 'ERR_SIGNATURE_COMPONENT'],
    ['a trailer', ask(' "x";tr'), 'ERR_SIGNATURE_COMPONENT'],
    ['a status', ask(' "@status"'), 'ERR_SIGNATURE_COMPONENT'],
    ['a request before the request', ask(' "@authority";req'), 'ERR_SIGNATURE_COMPONENT'],
    ['the signature itself', ask(' "signature"'), 'ERR_SIGNATURE_COMPONENT'],
    ['its parameters', ask(' "signature-input";key="a"'), 'ERR_SIGNATURE_COMPONENT'],
  ])('refuses %s', async (_, value, code) => {
    await expectCode(() => parseAcceptSignature(value), code)
  })

  it('reads or refuses any text', () => {
    const part = fc.constantFrom(
      ...[
        'wimse=(',
        ')',
        ';created',
        ';expires',
        `;${TAG}`,
        ';nonce',
        ';keyid="a"',
        '"@method"',
        '"a"',
        ';sf',
        ' ',
        ', ',
      ],
      ...[';wimse-aud="a"', ';wimse-sign-response', '"', '=', 'b=()', '"@query-param";name="x"', '\\', ';key="m"'],
    )
    const noise = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 14 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(noise, (text) => {
        try {
          parseAcceptSignature(text)
        } catch (error) {
          expect(error).toBeInstanceOf(SignatureError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('reads back what is written', () => {
    const options = fc.record(
      {
        otherTokenFields: fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/), { maxLength: 5 }),
        audience: fc.stringMatching(/^[ -~]{1,40}$/),
        signResponse: fc.boolean(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(options, ({ otherTokenFields = [], audience, signResponse }) => {
        const text = formatAcceptSignature({
          otherTokenFields,
          ...(audience === undefined ? {} : { audience }),
          ...(signResponse === undefined ? {} : { signResponse }),
        })
        const further = otherTokenFields.filter((name) => !PROFILE.includes(`"${name}"`))
        expect(parseAcceptSignature(text)).toEqual({
          label: 'wimse',
          components: further.map((name) => `"${name}"`),
          ...(audience === undefined ? {} : { audience }),
          ...(signResponse === true ? { signResponse } : {}),
        })
      }),
    )
  })
})

describe('a request signed as asked for', () => {
  const NOW = 1_800_000_000
  const issuer = new FakeIssuer()
  const client = issuer.workload('/client')
  const builder = new HttpSignatureBuilder(client.wit(NOW), client.key, nodeCrypto)
  const verifier = new HttpSignatureVerifier({
    crypto: nodeCrypto,
    wit: new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }),
    audience: new AudiencePolicy({ accepted: ['urn:a'] }),
    replayMemory: undefined,
    otherTokenFields: ['x-user'],
  })
  const REQUEST: HttpRequest = {
    method: 'GET',
    target: '/a?q=1',
    rawHeaders: ['X-User', 'u'],
    authority: 'api.example',
  }
  const sign = (components: readonly string[], request = REQUEST, label?: string) =>
    builder.signRequest(request, { now: NOW, audience: 'urn:a', components, ...(label === undefined ? {} : { label }) })
  const inputOf = async (signed: ReturnType<typeof sign>) => {
    const { rawHeaders } = await signed
    return rawHeaders[rawHeaders.indexOf('Signature-Input') + 1] ?? ''
  }

  it('covers what was asked for, and verifies', async () => {
    const asked = parseAcceptSignature(
      ask(' "x-user" "@query-param";name="q" "@authority"').replace('wimse=', 'sig-1='),
    )
    const { rawHeaders } = await sign(asked?.components ?? [], REQUEST, asked?.label)
    expect(rawHeaders[rawHeaders.indexOf('Signature-Input') + 1]).toMatch(
      'sig-1=("@method" "@request-target" "workload-identity-token" "x-user" "@query-param";name="q" "@authority");created=',
    )
    const request = { ...REQUEST, rawHeaders: [...REQUEST.rawHeaders, ...rawHeaders] }
    expect((await verifier.verifyRequest(request, NOW)).subject.toString()).toBe('spiffe://example.org/client')
    await expectCode(
      async () => verifier.verifyRequest({ ...request, authority: 'other.example' }, NOW),
      'ERR_SIGNATURE_INVALID',
    )
  })

  it('covers fields that are there, each once', async () => {
    const list = async (components: readonly string[], request?: HttpRequest) =>
      (await inputOf(sign(components, request))).split(')')[0]
    const profile = 'wimse=("@method" "@request-target" "workload-identity-token"'
    expect(await list(['"x-user"'], { ...REQUEST, rawHeaders: [] })).toBe(profile)
    expect(await list(['"x-user"', '"content-type"', '"@method"'])).toBe(`${profile} "x-user"`)
    expect(await list(['"workload-identity-token";bs'])).toBe(`${profile} "workload-identity-token";bs`)
  })

  it.each([
    ['two components in another spelling', ['"x";sf;key="a"', '"x";key="a";sf'], 'ERR_SIGNATURE_COMPONENT_DUPLICATE'],
    ['a component of responses', ['"@status"'], 'ERR_SIGNATURE_COMPONENT'],
    ['a component of the request before', ['"@method";req'], 'ERR_SIGNATURE_COMPONENT'],
    ['what the request lacks', ['"@query-param";name="z"'], 'ERR_SIGNATURE_COMPONENT_ABSENT'],
    ['a scheme nobody told', ['"@scheme"'], 'ERR_SIGNATURE_COMPONENT_ABSENT'],
    ['no component', ['x-user'], 'ERR_SIGNATURE_COMPONENT'],
    ['parameters of the signature', ['"x-user");alg=("a"'], 'ERR_SIGNATURE_MALFORMED'],
    ['parameters behind the list', ['"x-user");a="b", c=("d"'], 'ERR_SIGNATURE_MALFORMED'],
    ['broken text', ['"x-user'], 'ERR_SIGNATURE_MALFORMED'],
  ])('is not made over %s', async (_, components, code) => {
    await expectCode(async () => sign(components), code)
  })

  it.each(['', 'A', 'a=b', 'a b', '1'])('is not called %j', (label) => {
    expect(() => sign([], REQUEST, label)).toThrow(TypeError)
  })
})
