import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodePem } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it } from 'vitest'
import { privateKeyPem } from '../files/pem.ts'
import { fakeDomain } from '../test-support/fake-domain.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import type { Inspection } from './inspection.ts'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token with any header and claims; the signature is 64 bytes of nothing. */
function token(header: object, claims: object, signature = Buffer.alloc(64).toString('base64url')): string {
  return `${encode({ alg: 'ES256', kid: 'k', ...header })}.${encode({ exp: NOW + 720, ...claims })}.${signature}`
}

async function inspectJson(input: string): Promise<Inspection & { readonly verified: boolean }> {
  const { code, stdout, stderr } = await runCli(['inspect', '-', '--output', 'json'], { stdin: input })
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

function noteOf({ parts }: Inspection, name: string): string | undefined {
  return parts.flatMap(({ fields }) => fields).find((field) => field.name === name)?.note
}

const WIT_CLAIMS = { sub: 'wimse://example.org/web', cnf: { jwk: { ...generateSigningKey('ES256').publicJwk } } }

describe('inspect a token', () => {
  it('says first that nothing is verified, explains each claim, and leaves the signature out', async () => {
    const wit = token({ typ: 'wit+jwt' }, { sub: 'wimse://example.org/web', cnf: WIT_CLAIMS.cnf, iat: NOW, x: 1 })
    const { code, stdout } = await runCli(['inspect', wit])
    expect(code).toBe(0)
    expect(stdout.split('\n')).toEqual([
      'decoded, not verified: Workload Identity Token (WIT)',
      '',
      'header',
      '  alg  ES256  (signature algorithm)',
      '  kid  k  (name of the signing key)',
      '  typ  wit+jwt  (what kind of token it says it is)',
      '',
      'claims',
      `  exp  ${NOW + 720}  (ends 2026-11-22T22:12:00Z, in 12 min)`,
      '  sub  wimse://example.org/web  (the workload it names)',
      `  cnf  ${JSON.stringify(WIT_CLAIMS.cnf)}  (only the holder of this key can use it)`,
      `  iat  ${NOW}  (issued 2026-11-22T22:00:00Z, now)`,
      '  x    1',
      '',
    ])
  })

  it('makes hostile claims harmless on a terminal', async () => {
    const { stdout } = await runCli(['inspect', token({}, { sub: 'a\u001b[2J\nverified: yes' })])
    expect(stdout).toContain('a\\u{1b}[2J\\u{a}verified: yes')
    expect(stdout.split('\n')).not.toContain('verified: yes')
  })

  it.each([
    [{ typ: 'wit+jwt' }, WIT_CLAIMS, 'wit'],
    [{ typ: 'application/WIT+JWT' }, WIT_CLAIMS, 'wit'],
    [{ typ: 'wpt+jwt' }, { aud: 'https://a.example/', jti: 'j', wth: 'w' }, 'wpt'],
    [{ typ: 'JWT' }, { sub: 'spiffe://example.org/web', aud: 'a' }, 'jwt-svid'],
    [{}, { sub: 'spiffe://example.org/web', aud: ['a'] }, 'jwt-svid'],
    [{ typ: 'txntoken+jwt' }, { txn: 't' }, 'txn-token'],
    [{}, { txn: 't', req_wl: 'w' }, 'txn-token'],
    [{ typ: 'at+jwt' }, { scope: 'a' }, 'access-token'],
    [{ typ: 'JWT' }, { client_id: 'c' }, 'access-token'],
    [{ typ: 'JWT' }, { nonce: 'n', aud: 'c' }, 'id-token'],
    [{ typ: 'dpop+jwt' }, { htm: 'GET' }, 'dpop-proof'],
    [{ typ: 'oauth-client-attestation+jwt' }, {}, 'client-attestation'],
    [{ typ: 'oauth-client-attestation-pop+jwt' }, {}, 'client-attestation-pop'],
    [{ typ: 'constructor' }, {}, 'jwt'],
  ])('knows %j %j as %s', async (header, claims, kind) => {
    const inspection = await inspectJson(token(header, claims))
    expect(inspection).toMatchObject({ verified: false, kind })
  })

  it('tells a WIT-SVID from a plain WIT', async () => {
    const { title } = await inspectJson(token({ typ: 'wit+jwt' }, { ...WIT_CLAIMS, sub: 'spiffe://example.org/web' }))
    expect(title).toContain('WIT-SVID')
  })

  it('takes a token with its scheme, and white space around it', async () => {
    expect(await inspectJson(` Bearer ${token({}, {})}\n`)).toMatchObject({ kind: 'jwt' })
  })

  it('warns of nothing where nothing is odd', async () => {
    const domain = await fakeDomain()
    const workload = domain.tokens.workload('/web')
    const wit = workload.wit(NOW)
    expect((await inspectJson(wit)).warnings).toEqual([])
    expect((await inspectJson(domain.tokens.jwtSvid('/web', ['a'], NOW))).warnings).toEqual([])
    expect((await inspectJson(workload.proof(wit, { audience: 'https://a.example/', now: NOW }))).warnings).toEqual([])
  })

  const svid = { ...WIT_CLAIMS, sub: 'spiffe://example.org/web' }
  const jwk = WIT_CLAIMS.cnf.jwk
  it.each([
    ['an expired token', token({}, { exp: NOW - 60 }), 'expired 1 min ago'],
    ['a token that ends now', token({}, { exp: NOW }), 'expired now'],
    ['no end', token({}, { exp: undefined }), 'it has no end: exp is missing or not a number'],
    ['a later begin', token({}, { nbf: NOW + 60 }), 'not valid yet: begins in 1 min'],
    ['an issue in the future', token({}, { iat: NOW + 60 }), 'issued in the future: in 1 min'],
    ['alg none', token({ alg: 'none' }, {}, ''), 'alg is none: the token is not signed'],
    ['an absent signature', token({}, {}, ''), 'the token has no signature'],
    ['HMAC', token({ alg: 'HS256' }, {}), 'alg HS256 is symmetric: whoever can verify it can also forge it'],
    ['a key in the header', token({ jwk: {} }, {}), 'header jwk offers a key: keys come from configuration only'],
    [
      'a form that verifiers refuse',
      `${encode({ alg: 'ES256' })}=.${encode({ exp: NOW + 1 })}.AAAA`,
      'a verifier refuses its form',
    ],
    ['a critical extension', token({ crit: ['b64'] }, {}), 'a verifier refuses its form'],
    ['a WIT without a key', token({ typ: 'wit+jwt' }, { ...WIT_CLAIMS, cnf: {} }), 'cnf.jwk is missing'],
    [
      'a WIT whose key names no algorithm',
      token({ typ: 'wit+jwt' }, { ...WIT_CLAIMS, cnf: { jwk: { ...jwk, alg: undefined } } }),
      'cnf.jwk.alg is missing: verifiers must refuse the token',
    ],
    [
      'a private key in a WIT',
      token({ typ: 'wit+jwt' }, { ...WIT_CLAIMS, cnf: { jwk: { ...jwk, d: 'secret' } } }),
      'cnf.jwk holds a private key: treat the key as stolen',
    ],
    ['an audience in a WIT-SVID', token({ typ: 'wit+jwt' }, { ...svid, aud: 'a' }), 'aud is not allowed in a WIT-SVID'],
    ['a WIT-SVID without kid', token({ typ: 'wit+jwt', kid: undefined }, svid), 'kid is missing'],
    ['EdDSA on a WIT-SVID', token({ typ: 'wit+jwt', alg: 'EdDSA' }, svid), 'alg EdDSA is not allowed in a WIT-SVID'],
    [
      'EdDSA for the key of a WIT-SVID',
      token({ typ: 'wit+jwt' }, { ...svid, cnf: { jwk: { ...jwk, alg: 'EdDSA' } } }),
      'cnf.jwk.alg EdDSA is not allowed in a WIT-SVID',
    ],
    ['a long life', token({ typ: 'wit+jwt' }, { ...WIT_CLAIMS, iat: NOW, exp: NOW + 90_000 }), 'it lives 1 d 1 h'],
    ['a subject that is no identifier', token({ typ: 'wit+jwt' }, { ...WIT_CLAIMS, sub: 'web' }), 'sub is no workload'],
    ['a proof for no WIT', token({ typ: 'wpt+jwt' }, { aud: 'a', jti: 'j' }), 'wth is missing: verifiers must refuse'],
    ['a proof that lasts', token({ typ: 'wpt+jwt' }, {}), 'it ends in 12 min: many verifiers allow five minutes'],
    ['several audiences', token({}, { sub: 'spiffe://a.example/b', aud: ['a', 'b'] }), 'several audiences'],
    ['EdDSA on a JWT-SVID', token({ alg: 'EdDSA' }, { sub: 'spiffe://a.example/b', aud: 'a' }), 'alg EdDSA'],
  ])('warns of %s', async (_, text, warning) => {
    const { warnings } = await inspectJson(text)
    expect(warnings.filter((found) => found.startsWith(warning))).toHaveLength(1)
  })

  it('never shows a private member, however deep it stands', async () => {
    const nested = { a: [{ jwk: { d: 'SECRET-1' } }], keys: [{ kty: 'RSA', p: 'SECRET-2', qi: 'SECRET-3' }] }
    const jwt = token({ jwk: { kty: 'oct', k: 'SECRET-4' } }, { cnf: { jwk: { d: 'SECRET-5', x: 'public' } }, nested })
    for (const format of ['text', 'json']) {
      const { stdout } = await runCli(['inspect', '-', '--output', format], { stdin: jwt })
      expect(stdout).not.toContain('SECRET')
      expect(stdout).toContain('(private, not shown)')
      expect(stdout).toContain('public')
    }
  })

  it('survives a claim that is nested without end', async () => {
    const deep = `{"exp":${NOW + 1},"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
    const jwt = `${encode({ alg: 'ES256' })}.${Buffer.from(deep).toString('base64url')}.AAAA`
    expect(JSON.stringify(await inspectJson(jwt))).toContain('(nested too deeply)')
  })

  it.each([
    ['a payload that is not JSON', `${encode({ alg: 'none' })}.AAAA.AAAA`, 'payload of the token is not JSON'],
    ['a header that is no object', `${encode([])}.${encode({})}.AAAA`, 'header of the token is not a JSON object'],
  ])('refuses %s without repeating it', async (_, text, message) => {
    const { code, stdout, stderr } = await runCli(['inspect', text])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(`error: ${message} (ERR_INSPECT_MALFORMED)`)
  })
})

describe('inspect a certificate', () => {
  it('explains each certificate of a PEM chain', async () => {
    const domain = await fakeDomain()
    const { certificate } = await domain.issue('/web')
    const { code, stdout } = await runCli(['inspect', encodePem([certificate, domain.root])])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^decoded, not verified: 2 X\.509 certificates\n/)
    expect(stdout).toContain('  uri names           ["spiffe://example.org/web"]  (whom it names)\n')
    expect(stdout).toContain('  extended key usage  ["serverAuth","clientAuth"]\n')
    expect(stdout).not.toContain('warnings')
  })

  it('reads DER, from a file and as base64', async () => {
    const domain = await fakeDomain()
    const { certificate } = await domain.issue('/web')
    const file = join(await temporaryFolder(), 'svid.der')
    await writeFile(file, certificate)
    const fromFile = await runCli(['inspect', file, '--output', 'json'])
    const fromText = await runCli(['inspect', Buffer.from(certificate).toString('base64'), '--output', 'json'])
    expect(JSON.parse(fromFile.stdout)).toMatchObject({ verified: false, kind: 'certificate' })
    expect(fromText.stdout).toBe(fromFile.stdout)
    expect(noteOf(JSON.parse(fromFile.stdout), 'not after')).toBe('2026-11-22T23:00:00Z, in 1 h')
  })

  it('warns of an expired one', async () => {
    const domain = await fakeDomain()
    const { certificate } = await domain.issue('/web', { notAfter: NOW - 10 })
    expect((await inspectJson(encodePem([certificate]))).warnings).toEqual(['certificate expired 10 s ago'])
  })

  it('refuses what only looks like one', async () => {
    const { code, stderr } = await runCli(['inspect', encodePem([new Uint8Array([0x30, 0x03, 1, 2, 3])])])
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_INSPECT_MALFORMED)')
  })
})

describe('inspect a key', () => {
  it('shows a public JWK with its thumbprint', async () => {
    const inspection = await inspectJson(JSON.stringify(generateSigningKey('ES256', { kid: 'k1' }).publicJwk))
    expect(inspection).toMatchObject({ kind: 'jwk', warnings: [] })
    expect(noteOf(inspection, 'thumbprint')).toBe('SHA-256, RFC 7638')
  })

  it('hides the private half of a JWK, and warns', async () => {
    const jwk = generateSigningKey('ES256').exportJwk()
    const { stdout } = await runCli(['inspect', JSON.stringify(jwk)])
    expect(stdout).not.toContain(jwk.d)
    expect(stdout).toContain('  d           (private, not shown)\n')
    expect(stdout).toContain('  key holds private key material: keep it secret\n')
  })

  it.each([
    ['PKCS#8 in PEM', privateKeyPem(generateSigningKey('ES256').exportPkcs8())],
    [
      'PKCS#1 in PEM',
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' }),
    ],
    ['PKCS#8 in DER', Buffer.from(generateSigningKey('PS256').exportPkcs8())],
    ['PKCS#8 in base64', Buffer.from(generateSigningKey('PS256').exportPkcs8()).toString('base64')],
  ])('refuses a private key as %s, and shows none of it', async (_, key) => {
    const file = join(await temporaryFolder(), 'key')
    await writeFile(file, key)
    const { code, stdout, stderr } = await runCli(['inspect', file])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toBe(
      'error: this holds a private key, which is not shown (ERR_INSPECT_PRIVATE_KEY)\n' +
        'hint: inspect the certificate or the public key instead; a private key is never printed\n',
    )
  })

  it('refuses a private key given as an argument without repeating it', async () => {
    const pem = privateKeyPem(generateSigningKey('ES256').exportPkcs8())
    const { code, stderr } = await runCli(['inspect', pem])
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_INSPECT_PRIVATE_KEY)')
    expect(stderr).not.toContain(pem.split('\n')[1])
  })

  it('shows a public key in PEM as a JWK', async () => {
    const { publicKey } = generateKeyPairSync('ed25519')
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    expect(await inspectJson(pem)).toMatchObject({ kind: 'public-key', warnings: [] })
  })

  it('says why a key cannot be used', async () => {
    const { warnings } = await inspectJson('{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}')
    expect(warnings).toEqual(['key cannot be used: key member "x" has the wrong length for its curve'])
  })
})

describe('inspect a set of keys', () => {
  it('explains a SPIFFE bundle', async () => {
    const { bundle } = await fakeDomain()
    const inspection = await inspectJson(JSON.stringify(bundle))
    expect(inspection).toMatchObject({ kind: 'spiffe-bundle', warnings: [] })
    expect(inspection.parts.map(({ title }) => title)).toEqual(['document', 'key 1', 'key 2', 'key 3'])
    expect(noteOf(inspection, 'spiffe_refresh_hint')).toBe('fetch again every 1 min')
  })

  it('warns of keys that a bundle ignores', async () => {
    const { publicJwk } = generateSigningKey('ES256')
    const { root, bundle } = await fakeDomain()
    const [x509] = bundle.keys
    const keys = [
      { ...publicJwk, use: 'sig' },
      { ...publicJwk, use: 'jwt-svid' },
      { ...publicJwk, use: 'x509-svid' },
      { ...x509, kid: 'a', x5c: [Buffer.from(root).toString('base64')] },
    ]
    const { warnings } = await inspectJson(JSON.stringify({ keys }))
    expect(warnings).toEqual([
      'key 1 has no use that SPIFFE knows: it is ignored',
      'key 2 has no kid: it is ignored',
      'key 3 has no certificate: it is ignored',
      'key 4 has a kid, which an x509-svid key must not have',
    ])
  })

  it('explains a plain JWK Set, hiding private members', async () => {
    const inspection = await inspectJson(JSON.stringify({ keys: [generateSigningKey('ES256').exportJwk(), 1] }))
    expect(inspection.kind).toBe('jwk-set')
    expect(inspection.warnings).toEqual(['key 1 holds private key material: keep it secret', 'key 2 is not an object'])
    expect(JSON.stringify(inspection)).toContain('(private, not shown)')
  })

  it('explains a map of bundles, and one that withdraws everything', async () => {
    const { bundle } = await fakeDomain()
    const map = { trust_domains: { 'a.example': bundle, 'b.example': { keys: [] } } }
    const inspection = await inspectJson(JSON.stringify(map))
    expect(inspection.kind).toBe('bundle-map')
    expect(inspection.warnings).toEqual(['b.example: no keys: everything this set vouched for is withdrawn'])
  })
})

describe('inspect anything else', () => {
  it.each([
    ['text', 'hello'],
    ['an encrypted token', 'a.b.c.d.e'],
    ['a JSON array', '[]'],
    ['JSON of another kind', '{"a":1}'],
    ['PEM of another kind', '-----BEGIN CERTIFICATE REQUEST-----\nAQID\n-----END CERTIFICATE REQUEST-----'],
    ['nothing', ''],
  ])('says that it does not know %s', async (_, text) => {
    const { code, stdout, stderr } = await runCli(['inspect'], { stdin: text })
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('(ERR_INSPECT_UNRECOGNIZED)\nhint: give a token')
  })

  it('refuses broken JSON', async () => {
    expect((await runCli(['inspect'], { stdin: '{"a":' })).stderr).toContain('(ERR_INSPECT_MALFORMED)')
  })

  it('reads no more than a few megabytes', async () => {
    const { code, stderr } = await runCli(['inspect', '-'], { stdin: 'a'.repeat(4 * 1024 * 1024 + 1) })
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_CLI_FILE_TOO_LARGE)')
  })
})
