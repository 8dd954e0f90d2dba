/** Signatures that are none: by no algorithm, by another one, by another key, or in another form. */
import { createHmac, createPublicKey } from 'node:crypto'
import { decodeBase64url, encodeBase64url, type PublicJwk } from '@countersign/protocol'
import { generateSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, encodeToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  type AttackWorld,
  bearerForm,
  clientKey,
  credentialsForm,
  expectRefusal,
  FOR_TRANSACTION,
  loginKey,
  partnerKey,
  startAttackWorld,
  TYPE,
} from '../../test-support/attack-world.ts'
import { callHttps, type Reply } from '../../test-support/http-call.ts'
import { ORDERS } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 120_000 })

const SPIFFE_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'

/** One kind of signed token, where it is shown, and the key that everyone knows to be its issuer's. */
interface Place {
  readonly error: string
  readonly publicJwk: PublicJwk
  /** Where the test has it. */
  readonly key?: NodeSigningKey
  honest(): string | Promise<string>
  ask(token: string): Promise<Reply>
}

async function placesOf(test: AttackWorld): Promise<Readonly<Record<string, Place>>> {
  const { origin } = new URL(test.server.publicUrl)
  const own = (await callHttps(`${origin}/oauth2/jwks`)).body.keys[0]
  const bundle: readonly PublicJwk[] = (await callHttps(`${origin}/bundle`)).body.keys
  const ofUse = (use: string) => bundle.find((jwk) => jwk.use === use) as PublicJwk
  const access = await test.granted(test.exchange(test.accessToken(), TYPE.access))
  const txn = await test.granted(test.exchange(test.accessToken(), TYPE.access, FOR_TRANSACTION))
  const invalid = '400 invalid_request'
  return {
    'service account token': {
      error: '401 invalid_client',
      publicJwk: test.clusterKey.publicJwk,
      key: test.clusterKey,
      honest: () => test.serviceAccountToken(),
      ask: (token) => test.post(credentialsForm(token)),
    },
    'assertion of a registered client': {
      error: '401 invalid_client',
      publicJwk: clientKey.publicJwk,
      key: clientKey,
      honest: () => test.assertion(),
      ask: (token) => test.post(credentialsForm(token)),
    },
    'JWT-SVID': {
      error: '401 invalid_client',
      publicJwk: ofUse('jwt-svid'),
      honest: () => test.jwtSvid(),
      ask: (token) => test.post(credentialsForm(token, SPIFFE_ASSERTION)),
    },
    WIT: {
      error: '401 invalid_client',
      publicJwk: ofUse('wit-svid'),
      honest: () => test.wit,
      ask: (token) => test.post({ grant_type: 'client_credentials', audience: ORDERS }, test.witFields(token)),
    },
    'access token of another server': {
      error: invalid,
      publicJwk: loginKey.publicJwk,
      key: loginKey,
      honest: () => test.accessToken(),
      ask: (token) => test.exchange(token, TYPE.access),
    },
    'ID token': {
      error: invalid,
      publicJwk: loginKey.publicJwk,
      key: loginKey,
      honest: () => test.idToken(),
      ask: (token) => test.exchange(token, TYPE.id),
    },
    'access token of this service': {
      error: invalid,
      publicJwk: own,
      honest: () => access,
      ask: (token) => test.exchange(token, TYPE.access),
    },
    'transaction token': {
      error: invalid,
      publicJwk: own,
      honest: () => txn,
      ask: (token) => test.exchange(token, TYPE.txn, FOR_TRANSACTION),
    },
    'authorization grant': {
      error: '400 invalid_grant',
      publicJwk: partnerKey.publicJwk,
      key: partnerKey,
      honest: () => test.grant(),
      ask: (token) => test.post(bearerForm(token)),
    },
    'DPoP proof': {
      error: '400 invalid_dpop_proof',
      publicJwk: test.key.publicJwk,
      key: test.key,
      honest: () => test.dpop(test.key),
      ask: (token) => test.post(credentialsForm(test.serviceAccountToken()), { dpop: token }),
    },
  }
}

const segment = (value: object) => encodeBase64url(Buffer.from(JSON.stringify(value)))
const bytes = (length: number) => encodeBase64url(new Uint8Array(length))

/** Parts of an honest token, to be put together otherwise. */
function partsOf(token: string) {
  const { header, claims, signature } = decodeToken(token)
  const [, payload = ''] = token.split('.')
  return {
    header,
    claims,
    signature,
    /** With another header, and the signature that `sign` makes. */
    with: (change: object, sign: (input: string) => string = () => signature) => {
      const input = `${segment({ ...header, ...change })}.${payload}`
      return `${input}.${sign(input)}`
    },
  }
}

const hmac = (secret: string | Uint8Array) => (input: string) =>
  createHmac('sha256', secret).update(input).digest('base64url')

/** P1363 as DER: what ECDSA signatures are everywhere but in a JWS. */
function toDer(signature: string): string {
  const raw = Buffer.from(decodeBase64url(signature))
  const integer = (part: Buffer) => {
    const from = part.findIndex((byte) => byte !== 0)
    const short = part.subarray(Math.max(from, 0))
    const body = (short[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.of(0), short]) : short
    return Buffer.concat([Buffer.of(0x02, body.length), body])
  }
  const both = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
  return encodeBase64url(Buffer.concat([Buffer.of(0x30, both.length), both]))
}

const stranger = generateSigningKey('ES256')
const otherCurve = generateSigningKey('ES384')
const signBy = (key: NodeSigningKey) => (input: string) => encodeBase64url(key.sign(Buffer.from(input)))

/** What an attacker makes of an honest token without the key of its issuer. Each is for every place. */
const FORGERIES: Readonly<Record<string, (token: string, place: Place) => string>> = {
  'no algorithm': (token) => partsOf(token).with({ alg: 'none' }),
  'no algorithm and no signature': (token) => partsOf(token).with({ alg: 'none' }, () => ''),
  'no algorithm in other letters': (token) => partsOf(token).with({ alg: 'nOnE' }, () => 'AA'),
  'an HMAC by the public key as PEM': (token, { publicJwk }) => {
    const pem = createPublicKey({ key: { ...publicJwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    return partsOf(token).with({ alg: 'HS256' }, hmac(pem.toString()))
  },
  'an HMAC by the public key as JWK': (token, { publicJwk }) =>
    partsOf(token).with({ alg: 'HS256' }, hmac(JSON.stringify(publicJwk))),
  'an HMAC by nothing': (token) => partsOf(token).with({ alg: 'HS256' }, hmac('')),
  'the key of a stranger': (token) => partsOf(token).with({ alg: 'ES256' }, signBy(stranger)),
  'a key of another curve': (token) => partsOf(token).with({ alg: 'ES384' }, signBy(otherCurve)),
  'a key of another curve under the old name': (token) => partsOf(token).with({ alg: 'ES256' }, signBy(otherCurve)),
  'a signature of zeros': (token) => partsOf(token).with({}, () => bytes(64)),
  'a signature of zeros, as long as RSA': (token) => partsOf(token).with({}, () => bytes(256)),
  'no signature': (token) => partsOf(token).with({}, () => ''),
  'a shorter signature': (token) => token.slice(0, -4),
  'a longer signature': (token) => `${token}AAAA`,
  'an algorithm that is none': (token) => partsOf(token).with({ alg: 'ROT13' }),
  'an algorithm that is no text': (token) => partsOf(token).with({ alg: { toString: 'ES256' } }),
  'other claims below the old signature': (token) => {
    const { header, claims, signature } = partsOf(token)
    return `${segment(header)}.${segment({ ...claims, sub: 'system:serviceaccount:test:admin', jti: 'x' })}.${signature}`
  },
}

/** Keys that the token brings along. They lead nowhere. */
const BROUGHT_KEYS: Readonly<Record<string, object>> = {
  jwk: { jwk: stranger.publicJwk },
  jku: { jku: 'https://evil.example/jwks' },
  x5u: { x5u: 'https://evil.example/cert.pem' },
  x5c: { x5c: [bytes(300)] },
}

/** Headers that the issuer itself would have signed, and that are refused all the same. */
const SIGNED_HEADERS: Readonly<Record<string, object>> = {
  'an extension that must be understood': { crit: ['exp'] },
  'an unencoded payload': { b64: false, crit: ['b64'] },
  'an empty list of extensions': { crit: [] },
  encryption: { enc: 'A256GCM' },
  compression: { zip: 'DEF' },
  'a name of a key that is no text': { kid: 7 },
  'a type that is no text': { typ: ['JWT'] },
}

describe('a signature that is none', () => {
  it('is refused in every place where a signed token is taken', async () => {
    const test = await startAttackWorld()
    for (const [name, place] of Object.entries(await placesOf(test))) {
      const { error, honest, ask } = place
      for (const [forgery, forge] of Object.entries(FORGERIES)) {
        const reply = await ask(forge(await honest(), place))
        expect(`${reply.status} ${reply.body?.error}`, `${name} with ${forgery}`).toBe(error)
        expectRefusal(reply, error)
      }
      expect((await ask(await honest())).status, name).toBe(200)
    }
  })

  it('is not made one by the key that the token brings along', async () => {
    const test = await startAttackWorld()
    const { 'DPoP proof': _, ...places } = await placesOf(test)
    for (const [name, { error, honest, ask }] of Object.entries(places)) {
      for (const [member, header] of Object.entries(BROUGHT_KEYS)) {
        for (const kid of [{}, { kid: undefined }]) {
          const forged = partsOf(await honest()).with({ alg: 'ES256', ...header, ...kid }, signBy(stranger))
          expectRefusal(await ask(forged), error)
          expect(test.log.text, `${name} ${member}`).not.toContain('evil.example')
        }
      }
    }
  })

  it('is refused as DER, which no JWS has', async () => {
    const test = await startAttackWorld()
    const places = Object.entries(await placesOf(test)).filter(([name]) => name !== 'service account token')
    for (const [name, { error, honest, ask }] of places) {
      const token = await honest()
      const { signature } = partsOf(token)
      expect(decodeBase64url(signature), name).toHaveLength(64)
      expectRefusal(await ask(partsOf(token).with({}, () => toDer(signature))), error)
    }
  })
})

describe('a header that its issuer signed', () => {
  it('is refused where it demands what is not understood here', async () => {
    const test = await startAttackWorld()
    for (const [name, { error, honest, ask, key }] of Object.entries(await placesOf(test))) {
      if (key === undefined) continue
      for (const [what, change] of Object.entries(SIGNED_HEADERS)) {
        const { header, claims } = partsOf(await honest())
        const reply = await ask(encodeToken({ ...header, ...change }, claims, key))
        expect(`${reply.status} ${reply.body?.error}`, `${name} with ${what}`).toBe(error)
        expectRefusal(reply, error)
      }
    }
  })

  it('is refused where it names no key of its issuer, however long or odd the name is', async () => {
    const test = await startAttackWorld()
    const { 'DPoP proof': _, ...places } = await placesOf(test)
    const kids = [
      'x'.repeat(10_000),
      'x'.repeat(17_000),
      '../../etc/passwd',
      "' OR 1=1 --",
      '__proto__',
      '\n{"level":60}',
      'Ⅷ',
    ]
    for (const [name, { error, honest, ask }] of Object.entries(places)) {
      for (const kid of kids) {
        const reply = await ask(partsOf(await honest()).with({ kid }))
        // A field of a request cannot be as long, and the HTTP parser itself says so.
        if (name === 'WIT' && kid.length > 16_000) expect(reply.status).toBe(431)
        else expectRefusal(reply, error, [kid])
      }
    }
    expect(test.log.text).not.toContain('x'.repeat(300))
  })

  it('is refused with two members of one name', async () => {
    const test = await startAttackWorld()
    for (const { error, honest, ask, key } of Object.values(await placesOf(test))) {
      if (key === undefined) continue
      const { header, claims } = partsOf(await honest())
      const twice = (value: object, member: string) => JSON.stringify(value).replace('{', `{${member},`)
      expectRefusal(await ask(encodeToken(twice(header, `"alg":"${header['alg']}"`), claims, key)), error)
      const again = partsOf(await honest()).claims
      expectRefusal(await ask(encodeToken(header, twice(again, '"iat":1'), key)), error)
      expectRefusal(await ask(encodeToken(header, twice(again, '"\\u0069at":1'), key)), error)
    }
  })
})
