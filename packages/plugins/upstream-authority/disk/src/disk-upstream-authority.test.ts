import { chmodSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CaRequest, silentLogger } from '@countersign/plugin-kit'
import { describeUpstreamAuthority } from '@countersign/plugin-kit/contract'
import {
  buildCaCertificate,
  buildCaRequest,
  encodePem,
  issueCaCertificate,
  parseCertificate,
  randomSerial,
} from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { expectCode, FakeClock } from '@countersign/testing'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import disk from './index.ts'

type Key = ReturnType<typeof generateSigningKey>
interface Ca {
  readonly key: Key
  readonly certificate: Uint8Array
}

const clock = new FakeClock()
const times = { notBefore: clock.now() - 100, notAfter: clock.now() + 10_000 }
const subject = { commonName: 'Company CA' }

function rootCa(validity: Partial<typeof times> = {}, trustDomain = 'example.org'): Ca {
  const key = generateSigningKey('ES256')
  const serial = randomSerial(crypto)
  const content = { key, crypto, subject, trustDomain, serial, ...times, ...validity }
  return { key, certificate: buildCaCertificate(content) as Uint8Array }
}

function intermediate(issuer: Ca, change: { notAfter?: number; pathLength?: number } = {}): Ca {
  const key = generateSigningKey('ES256')
  const publicKeySpki = crypto.exportSpki(key.publicJwk) as Uint8Array
  const content = { issuer, crypto, publicKeySpki, subject, trustDomain: 'example.org', serial: randomSerial(crypto) }
  return { key, certificate: issueCaCertificate({ ...content, ...times, ...change }) as Uint8Array }
}

function keyPem(key: Key): string {
  const lines =
    Buffer.from(key.exportPkcs8())
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}

interface Files {
  readonly cert?: readonly Uint8Array[]
  readonly key?: Key
  readonly roots?: readonly Uint8Array[]
}

function write(folder: string, { cert, key, roots }: Files): void {
  if (cert !== undefined) writeFileSync(join(folder, 'ca.pem'), encodePem(cert))
  if (key !== undefined) writeFileSync(join(folder, 'ca.key'), keyPem(key), { mode: 0o600 })
  if (roots !== undefined) writeFileSync(join(folder, 'roots.pem'), encodePem(roots))
}

function open(files: Files, further: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'upstream-disk-'))
  write(folder, files)
  const config = { certFile: 'ca.pem', keyFile: 'ca.key', ...(files.roots && { rootsFile: 'roots.pem' }), ...further }
  const context = { clock, log: silentLogger, dataDir: '/nonexistent', configDir: folder }
  return { folder, upstream: disk.create(disk.parseConfig(config), context) }
}

describeUpstreamAuthority('disk, with a root', () => {
  const root = rootCa()
  const { folder, upstream } = open({ cert: [root.certificate], key: root.key })
  return {
    upstream,
    now: () => clock.now(),
    maxLifetimeSeconds: 10_000,
    takeAway: () => unlinkSync(join(folder, 'ca.pem')),
    dispose: () => rmSync(folder, { recursive: true }),
  }
})

describeUpstreamAuthority('disk, with an intermediate', () => {
  const root = rootCa()
  const top = intermediate(root, { notAfter: clock.now() + 7000 })
  const low = intermediate(top, { notAfter: clock.now() + 6000 })
  const { folder, upstream } = open({
    cert: [low.certificate, top.certificate],
    key: low.key,
    roots: [rootCa().certificate, root.certificate],
  })
  return {
    upstream,
    now: () => clock.now(),
    maxLifetimeSeconds: 6000,
    takeAway: () => unlinkSync(join(folder, 'roots.pem')),
    dispose: () => rmSync(folder, { recursive: true }),
  }
})

function request(): CaRequest {
  const key = generateSigningKey('ES256')
  const csr = buildCaRequest({ key, crypto, subject, trustDomain: 'example.org' }) as Uint8Array
  const publicKeySpki = crypto.exportSpki(key.publicJwk) as Uint8Array
  return { csr, publicKeySpki, trustDomain: 'example.org', lifetimeSeconds: 1000 }
}

describe('disk', () => {
  let root: Ca
  beforeEach(() => {
    root = rootCa()
  })
  const opened = (files: Files, further?: object) => {
    const { folder, upstream } = open(files, further)
    onTestFinished(() => rmSync(folder, { recursive: true }))
    return { folder, upstream }
  }
  const refused = async (files: Files, code: string, reason: RegExp) => {
    const { upstream } = opened(files)
    const error = await expectCode(upstream.issueCa(request()), `ERR_UPSTREAM_AUTHORITY_${code}`)
    expect(`${error.message} ${error.detail ?? ''}`).toMatch(reason)
  }

  it('refuses a CA that has ended, or has not begun', async () => {
    const ended = rootCa({ notAfter: clock.now() - 1 })
    await refused({ cert: [ended.certificate], key: ended.key }, 'CERTIFICATE', /expired/)
    const early = rootCa({ notBefore: clock.now() + 100 })
    await refused({ cert: [early.certificate], key: early.key }, 'CERTIFICATE', /not valid yet/)
  })

  it('refuses what is no CA, may have no CA below, or is of another trust domain', async () => {
    const zero = intermediate(root, { pathLength: 0 })
    const chain = { cert: [zero.certificate], key: zero.key, roots: [root.certificate] }
    await refused(chain, 'CERTIFICATE', /PATH_LENGTH/)
    const foreign = rootCa({}, 'other.example')
    await refused({ cert: [foreign.certificate], key: foreign.key }, 'CERTIFICATE', /SIGNER_IDENTIFIER/)
    const { issueX509Svid, spiffeId } = await import('@countersign/protocol')
    const key = generateSigningKey('ES256')
    const leaf = issueX509Svid({
      issuer: root,
      publicKeySpki: crypto.exportSpki(key.publicJwk) as Uint8Array,
      subject: spiffeId('example.org', '/web'),
      serial: randomSerial(crypto),
      ...times,
    }) as Uint8Array
    await refused({ cert: [leaf], key, roots: [root.certificate] }, 'CERTIFICATE', /not a CA/)
  })

  it('refuses a chain that leads to none of the roots', async () => {
    const low = intermediate(root)
    const files = { cert: [low.certificate], key: low.key, roots: [rootCa().certificate] }
    await refused(files, 'CERTIFICATE', /ERR_CERTIFICATE_(?:UNTRUSTED|SIGNATURE)/)
    await refused({ cert: [low.certificate], key: low.key }, 'CERTIFICATE', /rootsFile/)
    await refused({ ...files, roots: [] }, 'CERTIFICATE', /no certificate/)
    await refused({ cert: [], key: low.key }, 'CERTIFICATE', /no certificate/)
  })

  it('refuses a key of another certificate, one that others can read, and what is no key', async () => {
    await refused({ cert: [root.certificate], key: rootCa().key }, 'KEY', /not that of the first certificate/)
    for (const mode of [0o640, 0o604, 0o620]) {
      const { folder, upstream } = opened({ cert: [root.certificate], key: root.key })
      chmodSync(join(folder, 'ca.key'), mode)
      const error = await expectCode(upstream.issueCa(request()), 'ERR_UPSTREAM_AUTHORITY_PERMISSIONS')
      expect(error.message).toMatch(/chmod 600/)
    }
    const { folder, upstream } = opened({ cert: [root.certificate], key: root.key })
    const secret = keyPem(root.key).slice(0, -40)
    writeFileSync(join(folder, 'ca.key'), secret)
    const error = await expectCode(upstream.issueCa(request()), 'ERR_UPSTREAM_AUTHORITY_KEY')
    expect(`${error.message}${error.detail}${String(error.cause)}`).not.toContain(secret.slice(40, 80))
  })

  it('reads what is exchanged while it runs, and signs nothing while it does not fit together', async () => {
    const { folder, upstream } = opened({ cert: [root.certificate], key: root.key, roots: [root.certificate] })
    await upstream.issueCa(request())
    const next = rootCa()
    write(folder, { cert: [next.certificate] })
    await expectCode(upstream.issueCa(request()), 'ERR_UPSTREAM_AUTHORITY_KEY')
    write(folder, { key: next.key, roots: [root.certificate, next.certificate] })
    const { chain, roots } = await upstream.issueCa(request())
    expect(parseCertificate(chain[0] ?? new Uint8Array()).issuer).toEqual(parseCertificate(next.certificate).subject)
    expect(roots).toHaveLength(2)
  })

  it('leaves as many levels below as it was told', async () => {
    const pathLengthOf = async (further: object) => {
      const { chain } = await opened({ cert: [root.certificate], key: root.key }, further).upstream.issueCa(request())
      return parseCertificate(chain[0] ?? new Uint8Array()).pathLength
    }
    expect(await pathLengthOf({})).toBe(0)
    expect(await pathLengthOf({ pathLength: 2 })).toBe(2)
  })

  it('refuses a request for another key than the one that signed it', async () => {
    const { upstream } = opened({ cert: [root.certificate], key: root.key })
    const { publicKeySpki } = request()
    await expectCode(upstream.issueCa({ ...request(), publicKeySpki }), 'ERR_UPSTREAM_AUTHORITY_REFUSED')
  })
})
