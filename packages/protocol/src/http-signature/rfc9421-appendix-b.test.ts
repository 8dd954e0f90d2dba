/**
 * The test cases of RFC 9421 appendix B.2 to B.4, but for B.2.5: HMAC needs a shared secret, and no workload has one. They
 * name key and algorithm, which the WIMSE profile forbids, so they are held against parser, base and keys alone.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../encoding/text.ts'
import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { importSigningKey } from '../keys-node/signing-key.ts'
import { compileComponents } from './component.ts'
import type { HttpRequest, HttpResponse } from './http-message.ts'
import { MessageFields } from './message-fields.ts'
import { parseDictionary } from './parse-structured-field.ts'
import { buildSignatureBase } from './signature-base.ts'

interface PublishedCase {
  readonly section: string
  readonly algorithm: string
  readonly key: string
  readonly over: readonly string[]
  readonly notOver: readonly string[]
  readonly base: string
  readonly signatureInput: string
  readonly signature: string
}

interface Published {
  readonly keys: Readonly<Record<string, object>>
  readonly messages: Readonly<Record<string, HttpRequest | HttpResponse>>
  readonly cases: readonly PublishedCase[]
}

const file = new URL('../../../../conformance/vectors/rfc9421/appendix-b.json', import.meta.url)
const { keys, messages, cases } = JSON.parse(readFileSync(file, 'utf8')) as Published

/** RFC 9421 section 3.3. */
const ALGORITHMS: Readonly<Record<string, SignatureAlgorithm>> = {
  'rsa-pss-sha512': 'PS512',
  'ecdsa-p256-sha256': 'ES256',
  ed25519: 'EdDSA',
}

const NO_REQUEST: HttpRequest = { method: 'GET', target: '/', rawHeaders: [] }

function read({ signatureInput, signature }: PublishedCase) {
  const [input] = parseDictionary(signatureInput, 'signature-input').values()
  const [bytes] = parseDictionary(signature, 'signature').values()
  if (input?.kind !== 'inner-list' || bytes?.kind !== 'item' || bytes.bare.type !== 'bytes') throw new Error('shape')
  return { input, signature: bytes.bare.value }
}

function baseOver(published: PublishedCase, name: string): string {
  const message = messages[name]
  if (message === undefined) throw new Error(`no message ${name}`)
  const { input } = read(published)
  const request = 'method' in message ? message : NO_REQUEST
  const exchange = { request: { message: request, fields: new MessageFields(request.rawHeaders) } }
  return buildSignatureBase(
    compileComponents(input.items),
    input.source,
    'method' in message
      ? exchange
      : { ...exchange, response: { message, fields: new MessageFields(message.rawHeaders) } },
  )
}

describe.each(cases)('RFC 9421 appendix $section ($algorithm)', (published) => {
  const { signature } = read(published)
  const alg = ALGORITHMS[published.algorithm] as SignatureAlgorithm
  const signingKey = importSigningKey({ jwk: keys[published.key] as object }, alg)
  const key = nodeCrypto.importPublicJwk(signingKey.publicJwk, alg)

  it.each(published.over)('has the published base over %s, and verifies', (name) => {
    const base = baseOver(published, name)
    expect(base).toBe(published.base)
    expect(key.verify(encodeUtf8(base), signature)).toBe(true)
    expect(key.verify(encodeUtf8(`${base} `), signature)).toBe(false)
  })

  it.each(published.notOver)('does not verify over %s', (name) => {
    expect(key.verify(encodeUtf8(baseOver(published, name)), signature)).toBe(false)
  })

  it('is made again with the published key', () => {
    const again = signingKey.sign(encodeUtf8(published.base))
    expect(key.verify(encodeUtf8(published.base), again)).toBe(true)
    // The others draw a random number for each signature.
    if (alg === 'EdDSA') expect(new Uint8Array(again)).toEqual(new Uint8Array(signature))
  })
})

it('covers all published cases but the one with a shared secret', () => {
  const sections = ['B.2.1', 'B.2.2', 'B.2.3', 'B.2.4', 'B.2.6', 'B.3', 'B.4']
  expect(cases.map(({ section }) => section)).toEqual(sections)
})
