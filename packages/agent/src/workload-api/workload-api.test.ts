import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { fileURLToPath } from 'node:url'
import { decodeUtf8, TrustStore, WitVerifier } from '@countersign/protocol'
import { importSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { settle } from '@countersign/testing'
import { healthMethods, type WorkloadApiClient, workloadApiMethods } from '@countersign/workload-api'
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { entry } from '../test-support/fake-server.ts'
import { eventually, reader, startReadyWorld, startWorld, type World } from '../test-support/running-agent.ts'
import { TestAuthority } from '../test-support/test-authority.ts'

const web = entry('e1', '/web')
const withEntries = (...entries: (typeof web)[]) => ({ prepare: (server: World['server']) => server.set({ entries }) })
const isDenied = { code: 'ERR_WORKLOAD_API_DENIED', detail: 'no identity issued' }

/** Field 15 of this many bytes, its tag included. */
function unknownField(bytes: number): Buffer {
  const length = bytes - 4
  const header = [0x7a, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14]
  return Buffer.concat([Buffer.from(header), Buffer.alloc(length)])
}

/** A client without the manners of ours. */
function rawClient(world: World) {
  const client = new Client(`unix:${world.config.socket}`, credentials.createInsecure())
  onTestFinished(() => client.close())
  const call = (path: string, metadata: Record<string, string>, body = Buffer.alloc(0)) =>
    new Promise<ServiceError | Buffer>((resolve) => {
      const headers = new Metadata()
      for (const [name, value] of Object.entries(metadata)) headers.set(name, value)
      client.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes) => bytes,
        body,
        headers,
        (error, answer) => {
          resolve(error ?? (answer as Buffer))
        },
      )
    })
  return { client, call }
}

describe('the security header', () => {
  it.each([
    ['missing', {}],
    ['of another value', { 'workload.spiffe.io': 'false' }],
    ['of another case', { 'workload.spiffe.io': 'True' }],
    ['more than the value', { 'workload.spiffe.io': 'true, true' }],
  ])('is demanded of every Workload API call: %s', async (_, metadata) => {
    const world = await startReadyWorld(withEntries(web))
    const { call } = rawClient(world)
    for (const { path } of Object.values(workloadApiMethods)) {
      expect(await call(path, metadata)).toMatchObject({
        code: status.INVALID_ARGUMENT,
        details: expect.stringContaining('security header missing'),
      })
    }
    expect(world.programs.attestations).toBe(0)
  })

  it('is not demanded of health checks', async () => {
    const world = await startReadyWorld(withEntries(web))
    const answer = await rawClient(world).call(healthMethods.check.path, {})
    expect(healthMethods.check.responseDeserialize(answer as Buffer)).toMatchObject({ status: 1 })
  })
})

describe('health', () => {
  it('tells that the agent does not serve yet', async () => {
    const world = await startWorld({ tokens: [] })
    const answer = await rawClient(world).call(healthMethods.check.path, {})
    expect(healthMethods.check.responseDeserialize(answer as Buffer)).toMatchObject({ status: 2 })
  })

  it('tells that it serves no more when all that it held has ended, and writes nothing to the log for it', async () => {
    const world = await startReadyWorld(withEntries(web))
    await reader(world.client().fetchX509Svid()).next()
    const { call } = rawClient(world)
    const check = async () => {
      const answer = await call(healthMethods.check.path, {})
      return healthMethods.check.responseDeserialize(answer as Buffer).status
    }
    await world.server.down()
    await eventually(
      () => world.log.with('connection to the server is lost, valid identities are still served').length > 0,
    )
    expect(await check()).toBe(1)
    world.clock.jump(3600)
    await world.clock.advance(5)
    const before = world.log.records.length
    for (let asked = 0; asked < 5; asked++) expect(await check()).toBe(2)
    expect(world.log.records.slice(before).filter(({ message }) => /health|gRPC|workload API/.test(message))).toEqual(
      [],
    )
  })
})

describe('a request that is not what it should be', () => {
  it('is called so when it does not decode, and never INTERNAL', async () => {
    const world = await startReadyWorld(withEntries(web))
    const { call } = rawClient(world)
    const malformed = Buffer.from([0x0a, 0xff])
    for (const method of [workloadApiMethods.fetchJWTSVID, workloadApiMethods.fetchWITSVID]) {
      const answer = await call(method.path, { 'workload.spiffe.io': 'true' }, malformed)
      expect(answer).toMatchObject({ code: status.INVALID_ARGUMENT, details: 'request cannot be decoded' })
    }
  })

  it.each([
    ['a request of this service', 65_537, status.INVALID_ARGUMENT],
    ['a request of any service', 131_073, status.RESOURCE_EXHAUSTED],
  ])('is refused when it is larger than %s can be', async (_, bytes, code) => {
    const world = await startReadyWorld(withEntries(web))
    const { path } = workloadApiMethods.fetchJWTSVID
    // Unknown fields, so that nothing but their size is wrong with them.
    const body = Buffer.concat([Buffer.from([0x0a, 0x01, 0x61]), unknownField(bytes - 3)])
    expect(body).toHaveLength(bytes)
    expect(await rawClient(world).call(path, { 'workload.spiffe.io': 'true' }, body)).toMatchObject({ code })
  })

  it.each([
    ['no audience', { audience: [] }],
    ['an empty audience', { audience: ['a', ''] }],
    ['too many audiences', { audience: Array.from({ length: 17 }, (_, index) => `a${index}`) }],
    ['an audience that is too long', { audience: ['a'.repeat(2049)] }],
    ['no SPIFFE ID', { audience: ['a'], spiffeId: 'nonsense' }],
    ['an identifier of another scheme', { audience: ['a'], spiffeId: 'wimse://example.org/web' }],
  ])('FetchJWTSVID with %s', async (_, request) => {
    const world = await startReadyWorld(withEntries(web))
    await expect(world.client().fetchJwtSvid(request)).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT',
    })
  })

  it('FetchWITSVID with no SPIFFE ID', async () => {
    const world = await startReadyWorld(withEntries(web))
    await expect(reader(world.client().fetchWitSvid({ spiffeId: 'nonsense' })).next()).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT',
    })
  })

  it('garbage in place of HTTP/2 ends that connection and no other', async () => {
    const world = await startReadyWorld(withEntries(web))
    const stream = reader(world.client().fetchX509Svid())
    await stream.next()
    const garbage = createConnection(world.config.socket)
    garbage.on('error', () => {}).resume()
    garbage.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(garbage, 'close')
    const broken = createConnection(world.config.socket)
    broken.on('error', () => {}).resume()
    broken.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    broken.write(Buffer.from([0xff, 0xff, 0xff, 0x99, 0xff, 0xff, 0xff, 0xff, 0xff, ...Buffer.alloc(64, 0xff)]))
    await once(broken, 'close')
    world.server.change(() => world.server.set({ entries: [web, entry('e2', '/two')] }))
    expect((await stream.next()).svids).toHaveLength(2)
  })
})

describe('a program that matches no entry', () => {
  const almost = entry('e9', '/almost', {
    selectors: [
      { type: 'test', value: 'all' },
      { type: 'test', value: 'uid:1' },
    ],
  })

  it('is refused by every call', async () => {
    const world = await startReadyWorld(withEntries(almost))
    const client = world.client()
    await expect(reader(client.fetchX509Svid()).next()).rejects.toMatchObject(isDenied)
    await expect(reader(client.fetchX509Bundles()).next()).rejects.toMatchObject(isDenied)
    await expect(client.fetchJwtSvid({ audience: ['a'] })).rejects.toMatchObject(isDenied)
    await expect(reader(client.fetchJwtBundles()).next()).rejects.toMatchObject(isDenied)
    await expect(client.validateJwtSvid({ audience: 'a', svid: 'x.y.z' })).rejects.toMatchObject(isDenied)
    await expect(reader(client.fetchWitSvid()).next()).rejects.toMatchObject(isDenied)
    await expect(reader(client.fetchWitBundles()).next()).rejects.toMatchObject(isDenied)
  })

  it('is explained to the operator once, with what was missing, and never to the program', async () => {
    const world = await startReadyWorld(withEntries(almost))
    const client = world.client()
    for (let turn = 0; turn < 3; turn++) {
      await expect(reader(client.fetchX509Svid()).next()).rejects.toMatchObject({ detail: 'no identity issued' })
    }
    const records = world.log.with('no identity issued')
    expect(records).toHaveLength(1)
    expect(records[0]).toMatchObject({
      level: 'warn',
      fields: {
        pid: process.pid,
        uid: process.geteuid?.(),
        path: process.execPath,
        selectors: ['test:all'],
        nearest: [{ entryId: 'e9', spiffeId: 'spiffe://example.org/almost', missing: ['test:uid:1'], expired: false }],
      },
    })
  })

  it.each<[string, (client: WorkloadApiClient, spiffeId: string) => Promise<unknown>]>([
    ['FetchJWTSVID', (client, spiffeId) => client.fetchJwtSvid({ audience: ['a'], spiffeId })],
    ['FetchWITSVID', (client, spiffeId) => reader(client.fetchWitSvid({ spiffeId })).next()],
  ])('is explained when it has an identity, but not the one it asks %s for', async (_, call) => {
    const admin = entry('e2', '/admin', { selectors: [{ type: 'test', value: 'uid:0' }] })
    const world = await startReadyWorld(withEntries(entry('e1', '/web'), admin))
    await expect(call(world.client(), admin.spiffeId)).rejects.toMatchObject(isDenied)
    const fields = {
      pid: process.pid,
      selectors: ['test:all'],
      asked: admin.spiffeId,
      has: ['spiffe://example.org/web'],
      nearest: [{ entryId: 'e2', missing: ['test:uid:0'] }],
    }
    expect(world.log.with('no identity issued')).toMatchObject([{ level: 'warn', fields }])
  })

  it('gets no identity of another agent', async () => {
    const world = await startReadyWorld(
      withEntries(entry('e1', '/web', { parentId: 'spiffe://example.org/countersign/agent/two' })),
    )
    await expect(reader(world.client().fetchX509Svid()).next()).rejects.toMatchObject(isDenied)
  })

  it('gets nothing from an entry that has expired', async () => {
    const world = await startReadyWorld(withEntries(entry('e1', '/web', { expiresAt: 1_800_000_050 })))
    const stream = reader(world.client().fetchX509Svid())
    await stream.next()
    const ended = expect(stream.next()).rejects.toMatchObject(isDenied)
    await settle()
    await world.clock.advance(50)
    await ended
  })
})

describe('programs that call at the same time', () => {
  it('each get the identity of their own process', async () => {
    const world = await startReadyWorld()
    world.programs.selectors = (peer) => [{ type: 'test', value: `pid:${peer.pid}` }]
    const script = fileURLToPath(new URL('../test-support/fetch-own-identity.ts', import.meta.url))
    const children = Array.from({ length: 8 }, () => {
      const args = ['--conditions=countersign-source', script, `unix://${world.config.socket}`]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      onTestFinished(() => void child.kill('SIGKILL'))
      return child
    })
    const entries = children.map(({ pid }) =>
      entry(`e${pid}`, `/pid/${pid}`, { selectors: [{ type: 'test', value: `pid:${pid}` }] }),
    )
    world.server.change(() => world.server.set({ entries }))
    const lines = await Promise.all(
      children.map(async (child) => {
        let text = ''
        for await (const chunk of child.stdout) text += String(chunk)
        return text.trim()
      }),
    )
    expect(lines).toEqual(children.map(({ pid }) => `spiffe://example.org/pid/${pid}`))
  }, 60_000)
})

describe('a program that cannot be attested', () => {
  it('is told to try again', async () => {
    const world = await startReadyWorld(withEntries(web))
    world.programs.fail = true
    await expect(reader(world.client().fetchX509Svid()).next()).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_UNAVAILABLE',
      detail: 'the calling program could not be attested',
    })
  })
})

describe('FetchX509SVID', () => {
  it('gives key, chain and bundle that fit, and the bundles of federated domains', async () => {
    const world = await startReadyWorld({
      prepare: async (server) => {
        const other = await TestAuthority.create('other.example', () => server.clock.now(), 'other')
        const unasked = await TestAuthority.create('unasked.example', () => server.clock.now(), 'unasked')
        server.set({
          entries: [entry('e1', '/web', { hint: 'internal', federatesWith: ['other.example', 'unknown.example'] })],
          federated: [other.bundle(), unasked.bundle()],
        })
      },
    })
    const { svids, federatedBundles } = await reader(world.client().fetchX509Svid()).next()
    expect(svids).toHaveLength(1)
    const [svid] = svids
    expect(svid).toMatchObject({ spiffeId: 'spiffe://example.org/web', hint: 'internal' })
    const leaf = new X509Certificate(svid!.x509Svid)
    expect(leaf.subjectAltName).toBe('URI:spiffe://example.org/web')
    expect(leaf.verify(new X509Certificate(svid!.bundle).publicKey)).toBe(true)
    const key = importSigningKey({ pkcs8: svid!.x509SvidKey }, 'ES256')
    expect(leaf.publicKey.export({ format: 'jwk' })).toMatchObject({ x: key.publicJwk.x, y: key.publicJwk.y })
    expect(Object.keys(federatedBundles)).toEqual(['spiffe://other.example'])
  })

  it('orders identities by age and keeps hints unique', async () => {
    const world = await startReadyWorld(
      withEntries(
        entry('b', '/third', { createdAt: 20, hint: 'h' }),
        entry('c', '/first', { createdAt: 10, hint: 'h' }),
        entry('a', '/second', { createdAt: 20, hint: 'other' }),
        entry('d', '/fourth', { createdAt: 30, hint: 'é'.repeat(600) }),
      ),
    )
    const { svids } = await reader(world.client().fetchX509Svid()).next()
    expect(svids.map(({ spiffeId, hint }) => [spiffeId.split('/').pop(), hint])).toEqual([
      ['first', 'h'],
      ['second', 'other'],
      ['third', ''],
      ['fourth', ''],
    ])
    expect(world.log.with('hint of an entry is left out: taken by an older entry, or too long')).toHaveLength(2)
  })

  it('sends the whole new state after a change, and nothing when the program would see no difference', async () => {
    const world = await startReadyWorld(withEntries(web))
    const stream = reader(world.client().fetchX509Svid())
    const first = await stream.next()
    world.server.change(() =>
      world.server.set({ entries: [web, entry('x', '/x', { selectors: [{ type: 'test', value: 'no' }] })] }),
    )
    world.server.change(() => world.server.set({ entries: [web, entry('e2', '/two')] }))
    const second = await stream.next()
    expect(first.svids).toHaveLength(1)
    expect(second.svids.map(({ spiffeId }) => spiffeId)).toEqual([
      'spiffe://example.org/web',
      'spiffe://example.org/two',
    ])
    expect(second.svids[0]?.x509Svid).toEqual(first.svids[0]?.x509Svid)
  })

  it('ends with PERMISSION_DENIED when the last entry goes', async () => {
    const world = await startReadyWorld(withEntries(web))
    const stream = reader(world.client().fetchX509Svid())
    await stream.next()
    const ended = expect(stream.next()).rejects.toMatchObject(isDenied)
    world.server.change(() => world.server.set({ entries: [] }))
    await ended
  })

  it('ends when the program has turned into something else', async () => {
    const world = await startReadyWorld(withEntries(web))
    const stream = reader(world.client().fetchX509Svid())
    await stream.next()
    world.programs.selectors = [{ type: 'test', value: 'else' }]
    await world.clock.advance(6)
    const ended = expect(stream.next()).rejects.toMatchObject(isDenied)
    world.server.change(() => {})
    await ended
  })

  it('sends a renewed one, with a new key, at half its life', async () => {
    const world = await startReadyWorld(withEntries(entry('e1', '/web', { x509SvidTtl: 1000 })))
    const stream = reader(world.client().fetchX509Svid())
    const before = await stream.next()
    await settle()
    await world.clock.advance(499)
    expect(world.server.count('POST /v1/agent/x509-svids')).toBe(1)
    const renewed = stream.next()
    await world.clock.advance(2)
    const after = await renewed
    expect(after.svids[0]?.spiffeId).toBe(before.svids[0]?.spiffeId)
    expect(after.svids[0]?.x509SvidKey).not.toEqual(before.svids[0]?.x509SvidKey)
  })

  it('shares one credential among all programs of an entry', async () => {
    const world = await startReadyWorld(withEntries(web))
    const messages = await Promise.all(Array.from({ length: 10 }, () => reader(world.client().fetchX509Svid()).next()))
    expect(new Set(messages.map(({ svids }) => Buffer.from(svids[0]!.x509Svid).toString('hex'))).size).toBe(1)
    expect(world.server.count('POST /v1/agent/x509-svids')).toBe(1)
  })

  it('answers UNAVAILABLE, not a shorter list, when the server fails', async () => {
    const world = await startReadyWorld(withEntries(web))
    world.server.set({ failing: true })
    await expect(reader(world.client().fetchX509Svid()).next()).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_UNAVAILABLE',
    })
  })

  it('leaves out the one identity that the server refuses', async () => {
    const world = await startReadyWorld(withEntries(web, entry('e2', '/two')))
    world.server.set({ entries: [web] })
    const { svids } = await reader(world.client().fetchX509Svid()).next()
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/web'])
    expect(world.log.with('server refused a credential of an entry')[0]?.fields).toMatchObject({ entryId: 'e2' })
  })
})

describe('bundles', () => {
  it('hold each kind of key and no other', async () => {
    const world = await startReadyWorld(withEntries(web))
    const client = world.client()
    const [x509, jwt, wit] = await Promise.all([
      reader(client.fetchX509Bundles()).next(),
      reader(client.fetchJwtBundles()).next(),
      reader(client.fetchWitBundles()).next(),
    ])
    const td = 'spiffe://example.org'
    expect(Buffer.from(x509.bundles[td]!)).toEqual(Buffer.from(world.server.authority.certificate))
    expect(JSON.parse(decodeUtf8(jwt.bundles[td]!)).keys).toMatchObject([{ kid: 'jwt-1' }])
    expect(JSON.parse(wit.bundles[td]!).keys).toMatchObject([{ kid: 'wit-1' }])
  })

  it('are sent again when they change', async () => {
    const world = await startReadyWorld(withEntries(entry('e1', '/web', { federatesWith: ['other.example'] })))
    const stream = reader(world.client().fetchJwtBundles())
    expect(Object.keys((await stream.next()).bundles)).toEqual(['spiffe://example.org'])
    const other = await TestAuthority.create('other.example', () => world.clock.now(), 'other')
    world.server.change(() => world.server.set({ federated: [other.bundle()] }))
    expect(Object.keys((await stream.next()).bundles)).toEqual(['spiffe://example.org', 'spiffe://other.example'])
  })
})

describe('FetchJWTSVID', () => {
  it('gives one token for each identity, or for the one that was asked for', async () => {
    const world = await startReadyWorld(withEntries(web, entry('e2', '/two', { hint: 'second' })))
    const client = world.client()
    const all = await client.fetchJwtSvid({ audience: ['a', 'b'] })
    expect(all.svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/web', 'spiffe://example.org/two'])
    const one = await client.fetchJwtSvid({ audience: ['a'], spiffeId: 'spiffe://example.org/two' })
    expect(one.svids).toMatchObject([{ spiffeId: 'spiffe://example.org/two', hint: 'second' }])
  })

  it('refuses an identity that the program does not have', async () => {
    const world = await startReadyWorld(withEntries(web))
    await expect(
      world.client().fetchJwtSvid({ audience: ['a'], spiffeId: 'spiffe://example.org/admin' }),
    ).rejects.toMatchObject(isDenied)
  })

  it('asks the server once for each audience, and again at half-life', async () => {
    const world = await startReadyWorld(withEntries(web))
    const client = world.client()
    const token = async (audience: string) => (await client.fetchJwtSvid({ audience: [audience] })).svids[0]?.svid
    const first = await token('a')
    expect(await token('a')).toBe(first)
    expect(await token('b')).not.toBe(first)
    expect(world.server.count('POST /v1/agent/jwt-svids')).toBe(2)
    await world.clock.advance(150)
    expect(await token('a')).not.toBe(first)
  })
})

describe('ValidateJWTSVID', () => {
  it('tells whose token it is, with the audience as a list', async () => {
    const world = await startReadyWorld(withEntries(web))
    const client = world.client()
    const { svids } = await client.fetchJwtSvid({ audience: ['a'] })
    const answer = await client.validateJwtSvid({ audience: 'a', svid: svids[0]!.svid })
    expect(answer.spiffeId).toBe('spiffe://example.org/web')
    expect(answer.claims).toMatchObject({ sub: 'spiffe://example.org/web', aud: ['a'] })
  })

  it('believes only the domains that the program federates with', async () => {
    const world = await startReadyWorld(withEntries(web))
    const other = await TestAuthority.create('other.example', () => world.clock.now(), 'other')
    const { token } = await other.jwt('spiffe://other.example/x', ['a'], 60)
    const client = world.client()
    const validate = () => client.validateJwtSvid({ audience: 'a', svid: token })
    world.server.change(() => world.server.set({ federated: [other.bundle()] }))
    await expect(validate()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT' })
    world.server.change(() =>
      world.server.set({ entries: [entry('e1', '/web', { federatesWith: ['other.example'] })] }),
    )
    for (let turn = 0; turn < 100; turn++) {
      const answer = await validate().catch(() => undefined)
      if (answer !== undefined) {
        expect(answer.spiffeId).toBe('spiffe://other.example/x')
        return
      }
    }
    expect.unreachable('the federated token was never accepted')
  })

  it.each([
    ['for another audience', 'b', (token: string) => token],
    ['with a wrong signature', 'a', (token: string) => `${token.slice(0, -8)}AAAAAAAA`],
    ['that is none', 'a', () => 'nonsense'],
    ['that is empty', 'a', () => ''],
    ['without saying who asks', '', (token: string) => token],
  ])('refuses a token %s', async (_, audience, change) => {
    const world = await startReadyWorld(withEntries(web))
    const client = world.client()
    const { svids } = await client.fetchJwtSvid({ audience: ['a'] })
    await expect(client.validateJwtSvid({ audience, svid: change(svids[0]!.svid) })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT',
    })
  })

  it('refuses a token that has expired', async () => {
    const world = await startReadyWorld(withEntries(web))
    const client = world.client()
    const { svids } = await client.fetchJwtSvid({ audience: ['a'] })
    await world.clock.advance(400)
    await expect(client.validateJwtSvid({ audience: 'a', svid: svids[0]!.svid })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT',
    })
  })
})

describe('FetchWITSVID', () => {
  it('gives a token and the private key it is bound to', async () => {
    const world = await startReadyWorld(withEntries(web))
    const { svids } = await reader(world.client().fetchWitSvid()).next()
    const [svid] = svids
    expect(svid?.spiffeId).toBe('spiffe://example.org/web')
    const jwk = JSON.parse(svid!.witSvidKey)
    expect(jwk).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', d: expect.any(String), kid: expect.any(String) })
    const trust = new TrustStore(nodeCrypto)
    trust.set('spiffe://example.org', { witKeys: [world.server.authority.witKey.publicJwk] })
    const verifier = new WitVerifier({ trust, crypto: nodeCrypto, profile: 'wit-svid' })
    const { subject, confirmationJwk } = await verifier.verify(svid!.witSvid, world.clock.now())
    expect(subject.toString()).toBe('spiffe://example.org/web')
    expect(confirmationJwk).toMatchObject({ x: jwk.x, y: jwk.y })
  })

  it('refuses an identity that the program does not have', async () => {
    const world = await startReadyWorld(withEntries(web))
    await expect(
      reader(world.client().fetchWitSvid({ spiffeId: 'spiffe://example.org/admin' })).next(),
    ).rejects.toMatchObject(isDenied)
  })

  it('gives only the one that was asked for', async () => {
    const world = await startReadyWorld(withEntries(web, entry('e2', '/two')))
    const { svids } = await reader(world.client().fetchWitSvid({ spiffeId: 'spiffe://example.org/two' })).next()
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/two'])
  })
})
