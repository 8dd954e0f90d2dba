/**
 * Runs inside a runtime, as it is: nothing but types is imported, so that the file can be loaded once its types are taken
 * away. Prints one line of JSON for each check.
 *
 *     <runtime> checks.js <URL of packages/protocol/dist/>
 */
import type * as ProtocolModule from '@countersign/protocol'
import type * as WebKeysModule from '@countersign/protocol/keys-web'

const NOW = 1_800_000_000
const AUDIENCE = 'https://api.example.org/orders'
const SUBJECT = 'spiffe://example.org/caller'

const base = process.argv[2] ?? ''
const protocol = (await import(`${base}index.js`)) as typeof ProtocolModule
const web = (await import(`${base}keys-web/index.js`)) as typeof WebKeysModule
const { webCrypto } = web

let failed = false

async function check(name: string, work: () => Promise<string>): Promise<void> {
  let ok = true
  let detail: string
  try {
    detail = await work()
  } catch (error) {
    ok = false
    detail = String((error as Error).stack ?? error)
  }
  if (!ok) failed = true
  console.log(JSON.stringify({ check: name, ok, detail }))
}

/** The code that `work` is refused with. @throws Error when it is not the expected one */
async function refusedWith(code: string, work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    const actual = protocol.errorCode(error)
    if (actual === code) return code
    throw new Error(`expected ${code}, got ${actual ?? String(error)}`, { cause: error })
  }
  throw new Error(`expected ${code}, nothing was refused`)
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`expected ${String(expected)}, got ${String(actual)}`)
}

/** The last character but one of a token's signature, exchanged. */
function mutated(token: string): string {
  const at = token.length - 2
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

const audience = new protocol.AudiencePolicy({ baseUrls: ['https://api.example.org'] })

async function identity(alg: ProtocolModule.SignatureAlgorithm) {
  const issuerKey = await web.generateSigningKey(alg, { kid: 'issuer' })
  const key = await web.generateSigningKey(alg)
  const subject = protocol.WorkloadId.parse(SUBJECT)
  const trust = new protocol.TrustStore(webCrypto)
  trust.set(subject.origin, { witKeys: [issuerKey.publicJwk] })
  const content = { subject, confirmationKey: key.publicJwk, now: NOW, ttlSeconds: 600 }
  const wit = await new protocol.WitIssuer(issuerKey, 'wimse').issue(content)
  return { key, wit, verifier: new protocol.WitVerifier({ trust, crypto: webCrypto }) }
}

async function requestIsVerified(alg: ProtocolModule.SignatureAlgorithm): Promise<string> {
  const { key, wit, verifier } = await identity(alg)
  const proof = await new protocol.WptBuilder(wit, key, webCrypto).build({ audience: AUDIENCE, now: NOW })
  const requests = new protocol.RequestVerifier({
    wit: verifier,
    wpt: new protocol.WptVerifier({
      crypto: webCrypto,
      audience,
      replayMemory: new protocol.InProcessReplayMemory(),
    }),
  })
  const verify = async (token: string, wpt: string) =>
    requests.verify(
      { target: '/orders', rawHeaders: ['Workload-Identity-Token', token, 'Workload-Proof-Token', wpt] },
      NOW,
    )
  const refusals = [
    await refusedWith('ERR_CREDENTIAL_SIGNATURE', () => verify(mutated(wit), proof)),
    await refusedWith('ERR_PROOF_SIGNATURE', () => verify(wit, mutated(proof))),
  ]
  equal((await verify(wit, proof)).subject.toString(), SUBJECT)
  refusals.push(await refusedWith('ERR_PROOF_REPLAYED', () => verify(wit, proof)))
  return `accepted; ${refusals.join(', ')}`
}

async function messageIsVerified(alg: ProtocolModule.SignatureAlgorithm): Promise<string> {
  const { key, wit, verifier } = await identity(alg)
  const body = new TextEncoder().encode('{"amount":1}')
  const bare = { method: 'POST', scheme: 'https' as const, authority: 'api.example.org', target: '/orders', body }
  const unsigned = { ...bare, rawHeaders: ['Content-Type', 'application/json'] }
  const { rawHeaders } = await new protocol.HttpSignatureBuilder(wit, key, webCrypto).signRequest(unsigned, {
    now: NOW,
  })
  const request = { ...unsigned, rawHeaders: [...unsigned.rawHeaders, ...rawHeaders] }
  const messages = new protocol.HttpSignatureVerifier({
    crypto: webCrypto,
    wit: verifier,
    audience,
    replayMemory: new protocol.InProcessReplayMemory(),
  })
  const changed = { ...request, body: new TextEncoder().encode('{"amount":9}') }
  const refusals = [
    await refusedWith('ERR_SIGNATURE_DIGEST_MISMATCH', async () => messages.verifyRequest(changed, NOW)),
    await refusedWith('ERR_SIGNATURE_INVALID', async () => messages.verifyRequest({ ...request, method: 'PUT' }, NOW)),
  ]
  equal((await messages.verifyRequest(request, NOW)).subject.toString(), SUBJECT)
  refusals.push(await refusedWith('ERR_SIGNATURE_REPLAYED', async () => messages.verifyRequest(request, NOW)))
  return `accepted; ${refusals.join(', ')}`
}

/** A signature is refused with `false`, whatever is wrong with it, and a private key survives being written and read. */
async function keysAreStrict(alg: ProtocolModule.SignatureAlgorithm): Promise<string> {
  const data = new TextEncoder().encode('to be signed')
  const key = await web.generateSigningKey(alg, { extractable: true })
  const verifier = await webCrypto.importPublicJwk(key.publicJwk, alg)
  const signature = await key.sign(data)
  const wrong = [
    signature.slice(1),
    Uint8Array.from([...signature, 0]),
    new Uint8Array(signature.length),
    new Uint8Array(signature.length).fill(0xff),
    new Uint8Array(),
  ]
  for (const each of wrong) equal(await verifier.verify(data, each), false)
  for (const source of [{ pkcs8: await key.exportPkcs8() }, { jwk: await key.exportJwk() }]) {
    const read = await web.importSigningKey(source, alg)
    equal(protocol.thumbprintInput(read.publicJwk), protocol.thumbprintInput(key.publicJwk))
    equal(await verifier.verify(data, await read.sign(data)), true)
  }
  const spki = await webCrypto.importSpki(await webCrypto.exportSpki(key.publicJwk), alg)
  equal(await spki.verify(data, signature), true)
  return `${wrong.length} wrong signatures refused, key read back in 3 forms`
}

/** RFC 7515 appendix A.3 and RFC 8037 appendix A.4: made elsewhere, long ago. */
async function publishedSignaturesVerify(): Promise<string> {
  const published = [
    {
      alg: 'ES256',
      jwk: {
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      },
      input:
        'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ',
      signature: 'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
    },
    {
      alg: 'EdDSA',
      jwk: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
      input: 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc',
      signature: 'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
    },
  ] as const
  for (const { alg, jwk, input, signature } of published) {
    const verifier = await webCrypto.importPublicJwk(jwk, alg)
    const bytes = protocol.decodeBase64url(signature)
    equal(await verifier.verify(new TextEncoder().encode(input), bytes), true)
    equal(await verifier.verify(new TextEncoder().encode(`${input}x`), bytes), false)
  }
  return `${published.length} signatures`
}

async function keysThatAreNoneAreRefused(): Promise<string> {
  const { x = '', y = '' } = (await web.generateSigningKey('ES256')).publicJwk
  const rsa = { kty: 'RSA', n: `${'_'.repeat(170)}w`, e: 'AQAB' } as const
  const off = () => webCrypto.importPublicJwk({ kty: 'EC', crv: 'P-256', x, y: x }, 'ES256')
  return [
    await refusedWith('ERR_KEY_MALFORMED', off),
    await refusedWith('ERR_KEY_ALGORITHM_MISMATCH', () =>
      webCrypto.importPublicJwk({ kty: 'EC', crv: 'P-256', x, y }, 'ES384'),
    ),
    await refusedWith('ERR_KEY_WEAK', () => webCrypto.importPublicJwk(rsa, 'RS256')),
    await refusedWith('ERR_KEY_MALFORMED', () => webCrypto.importSpki(Uint8Array.of(1, 2, 3), 'ES256')),
  ].join(', ')
}

async function hashesAreRight(): Promise<string> {
  // FIPS 180-4, the example "abc".
  equal(await webCrypto.sha256Base64url('abc'), 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
  const sha512 = await webCrypto.digest('sha-512', new TextEncoder().encode('abc'))
  equal(protocol.encodeBase64url(sha512).slice(0, 22), '3a81oZNherrMQXNJriBBMR')
  equal(webCrypto.randomBytes(100_000).length, 100_000)
  return 'SHA-256, SHA-512, random bytes'
}

for (const alg of protocol.SIGNATURE_ALGORITHMS) {
  await check(`${alg}: WIT and WPT`, () => requestIsVerified(alg))
  await check(`${alg}: HTTP signature`, () => messageIsVerified(alg))
  await check(`${alg}: keys and signatures`, () => keysAreStrict(alg))
}
await check('published signatures', publishedSignaturesVerify)
await check('keys that are none', keysThatAreNoneAreRefused)
await check('hashes', hashesAreRight)
if (failed) process.exitCode = 1
