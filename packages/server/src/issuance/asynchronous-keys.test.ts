import memoryKeyManager from '@countersign/key-manager-memory'
import { type KeyManager, silentLogger } from '@countersign/plugin-kit'
import {
  decodeBase64,
  JwtSvidVerifier,
  parseSpiffeBundle,
  type SigningKey,
  TrustStore,
  verifyCrl,
  verifyX509Svid,
  WitVerifier,
  X509Anchors,
} from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { expect, it } from 'vitest'
import { CrlStore, selectCrls } from '../store/crl-store.ts'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { reopenAuthorities, trustDomain } from '../test-support/test-authorities.ts'
import { AuthorityFactory } from './authority-factory.ts'
import { CrlPublisher } from './crl-publisher.ts'

/** As a token in another machine: answers later, in another order than it was asked, and has no DER form. */
class DistantKeys implements KeyManager {
  readonly #near: KeyManager
  readonly #waiting: (() => void)[] = []

  constructor(near: KeyManager) {
    this.#near = near
  }

  async createKey(...args: Parameters<KeyManager['createKey']>) {
    return this.#distant(await this.#near.createKey(...args))
  }

  async getKey(name: string) {
    const key = await this.#near.getKey(name)
    return key && this.#distant(key)
  }

  listKeys() {
    return this.#near.listKeys()
  }

  deleteKey(name: string) {
    return this.#near.deleteKey(name)
  }

  #distant(key: SigningKey): SigningKey {
    return { alg: key.alg, publicJwk: key.publicJwk, sign: (data) => this.#later(() => key.sign(data)) }
  }

  /** All that wait are answered in one turn of the event loop, the last one first. */
  #later<T>(answer: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#answerAll())
      this.#waiting.push(() => Promise.resolve().then(answer).then(resolve, reject))
    })
  }

  #answerAll(): void {
    for (const answer of this.#waiting.splice(0).reverse()) answer()
  }
}

async function open() {
  const { store, clock } = await temporaryStore()
  const near = memoryKeyManager.create({}, { clock, log: silentLogger, dataDir: '/nonexistent' })
  const keyManager = new DistantKeys(near)
  const opened = await reopenAuthorities(store, clock, keyManager)
  const stored = await opened.bundles.get(trustDomain)
  return { ...opened, store, clock, keyManager, bundle: parseSpiffeBundle(trustDomain, stored?.bundle) }
}

it('issues certificates whose signatures are made at the same time', async () => {
  const { issuer, bundle, clock } = await open()
  const ids = Array.from({ length: 40 }, (_, index) => `spiffe://example.org/program-${index}`)
  const issued = await Promise.all(
    ids.map((spiffeId) => {
      const { publicJwk: publicKey } = generateSigningKey('ES256')
      return issuer.issueX509({ kind: 'x509-svid', spiffeId, publicKey, ttlSeconds: 60 })
    }),
  )
  const roots = () => bundle.x509Authorities
  const verified = await Promise.all(
    issued.map(({ chain }) =>
      verifyX509Svid({
        chain: chain.map(decodeBase64),
        roots,
        now: clock.now(),
        crypto: nodeCrypto,
        usage: 'clientAuth',
      }),
    ),
  )
  expect(verified.map(({ id }) => id.toString())).toEqual(ids)
})

it('issues tokens whose signatures are made at the same time', async () => {
  const { issuer, bundle, clock } = await open()
  const trust = new TrustStore(nodeCrypto)
  trust.setBundle(bundle)
  const ids = Array.from({ length: 20 }, (_, index) => `spiffe://example.org/program-${index}`)
  const { publicJwk: publicKey } = generateSigningKey('ES256')
  const [jwts, wits] = await Promise.all([
    Promise.all(ids.map((spiffeId) => issuer.issueJwt({ spiffeId, audience: ['a'], ttlSeconds: 60 }))),
    Promise.all(ids.map((spiffeId) => issuer.issueWit({ spiffeId, publicKey, ttlSeconds: 60 }))),
  ])
  const jwtVerifier = new JwtSvidVerifier({ trust })
  for (const [index, { token }] of jwts.entries()) {
    expect((await jwtVerifier.verify(token, 'a', clock.now())).claims['sub']).toBe(ids[index])
  }
  const witVerifier = new WitVerifier({ trust, crypto: nodeCrypto, profile: 'wit-svid' })
  for (const [index, { token }] of wits.entries()) {
    expect((await witVerifier.verify(token, clock.now())).subject.toString()).toBe(ids[index])
  }
})

it('signs revocation lists', async () => {
  const { store, clock, keyManager, authorities, gate, log } = await open()
  const factory = new AuthorityFactory({
    ...{ keyManager, crypto: nodeCrypto, clock, trustDomain, jwtAlgorithm: 'ES256', gate },
    lifetimeSeconds: { x509: 1, jwt: 1, wit: 1, oauth: 1 },
  })
  await new CrlPublisher({ store: new CrlStore(store), factory, clock, log, gate }).publishDue()
  const [list, ...more] = (await store.read(selectCrls)).map(decodeBase64)
  expect(more).toEqual([])
  const roots = authorities.list().flatMap(({ certificate }) => certificate ?? [])
  await verifyCrl(list ?? new Uint8Array(), new X509Anchors(roots, nodeCrypto))
})

it('passes on that a token cannot sign, and signs again when it can', async () => {
  const { clock, keyManager, store } = await open()
  let isGone = false
  const failing: KeyManager = {
    createKey: (...args) => keyManager.createKey(...args),
    listKeys: () => keyManager.listKeys(),
    deleteKey: (name) => keyManager.deleteKey(name),
    async getKey(name) {
      const key = await keyManager.getKey(name)
      if (key === undefined) return undefined
      const sign = async (data: Uint8Array) => (isGone ? Promise.reject(new Error('token is gone')) : key.sign(data))
      return { alg: key.alg, publicJwk: key.publicJwk, sign }
    },
  }
  const { issuer } = await reopenAuthorities(store, clock, failing)
  const spiffeId = 'spiffe://example.org/db'
  const { publicJwk: publicKey } = generateSigningKey('ES256')
  const issueAll = () =>
    Promise.allSettled([
      issuer.issueX509({ kind: 'x509-svid', spiffeId, publicKey, ttlSeconds: 60 }),
      issuer.issueJwt({ spiffeId, audience: ['a'], ttlSeconds: 60 }),
      issuer.issueWit({ spiffeId, publicKey, ttlSeconds: 60 }),
    ])
  isGone = true
  const failed = await issueAll()
  expect(failed.map((each) => each.status === 'rejected' && each.reason.message)).toEqual(
    Array(3).fill('token is gone'),
  )
  isGone = false
  expect((await issueAll()).map(({ status }) => status)).toEqual(Array(3).fill('fulfilled'))
})
