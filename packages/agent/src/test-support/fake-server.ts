import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Entry, SyncState, TaintReport, TrustDomainBundle } from '@countersign/api'
import { decodeBase64, encodePem, verifyX509Svid } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import type { FakeClock } from '@countersign/testing'
import { TestAuthority } from './test-authority.ts'

export const TRUST_DOMAIN = 'example.org'
export const AGENT_ID = `spiffe://${TRUST_DOMAIN}/countersign/agent/one`

/** A server that speaks the machine API over real TLS, and does as it is told. */
export class FakeServer {
  authority: TestAuthority
  readonly clock: FakeClock
  entries: Entry[] = []
  federated: TrustDomainBundle[] = []
  tainted: SyncState['tainted']
  crls: SyncState['crls']
  aliases: SyncState['aliases']
  /** Trusted beside the authority that signs. */
  retired: TestAuthority | undefined
  readonly taintReports: TaintReport[] = []
  /** Tokens that may still be redeemed. */
  tokens = new Set(['good-token'])
  /** As many attestations are done whose answer does not arrive. */
  lostAnswers = 0
  /** By token, for which key. */
  readonly #spent = new Map<string, string>()
  banned = false
  agentTtl = 3600
  svidTtl = 3600
  jwtTtl = 300
  /** Answers 500 to requests for credentials. */
  failing = false
  /** What agents said they had when they began to follow: queries. */
  readonly claims: string[] = []
  /** What was asked, oldest first: "POST /v1/agent/attest". */
  readonly requests: string[] = []
  spiffeId = `spiffe://${TRUST_DOMAIN}/countersign/server`
  revision = 1
  /** Answers in the server's place when it returns true. */
  override: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined
  /** Told of each connection. */
  onConnection = () => {}
  port = 0
  #server: Server | undefined
  readonly #streams = new Set<ServerResponse>()
  readonly #sockets = new Set<Duplex>()

  private constructor(authority: TestAuthority, clock: FakeClock) {
    this.authority = authority
    this.clock = clock
  }

  static async start(clock: FakeClock): Promise<FakeServer> {
    const server = new FakeServer(await TestAuthority.create(TRUST_DOMAIN, () => clock.now()), clock)
    await server.up()
    return server
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`
  }

  get streams(): number {
    return this.#streams.size
  }

  count(request: string): number {
    return this.requests.filter((each) => each === request).length
  }

  async up(authority = this.authority): Promise<void> {
    const key = generateSigningKey('ES256')
    const { chain } = await authority.x509(this.spiffeId, key.publicJwk, 86_400)
    this.#server = createServer(
      {
        key: pkcs8Pem(key.exportPkcs8()),
        cert: encodePem(chain.map(decodeBase64)),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        this.#answer(request, response).catch((error: Error) =>
          problem(response, 500, 'ERR_SERVER_INTERNAL', error.message),
        )
      },
    )
    this.#server.on('connection', (socket) => {
      this.onConnection()
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  /** Goes away, with all connections. */
  async down(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    this.#streams.clear()
    await closed
  }

  set(
    changes: Partial<
      Pick<
        FakeServer,
        | 'entries'
        | 'aliases'
        | 'federated'
        | 'tokens'
        | 'banned'
        | 'agentTtl'
        | 'svidTtl'
        | 'jwtTtl'
        | 'failing'
        | 'revision'
      >
    >,
  ): void {
    Object.assign(this, changes)
  }

  /** Changes something and tells everyone who follows. */
  change(apply: () => void): void {
    apply()
    this.revision += 1
    for (const stream of this.#streams) stream.write(`event: sync\ndata: ${JSON.stringify(this.#state())}\n\n`)
  }

  /** Says something to everyone who follows. */
  say(event: string, data: object): void {
    for (const stream of this.#streams) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  /** Ends the open streams but stays up. */
  endStreams(): void {
    for (const stream of this.#streams) stream.end()
    this.#streams.clear()
  }

  /** Sends something and drops the connections in the middle of it. */
  breakStreams(text: string): void {
    for (const stream of this.#streams) stream.write(text, () => stream.destroy())
    this.#streams.clear()
  }

  /** All that there is to tell. */
  get state(): SyncState {
    return this.#state()
  }

  #state(): SyncState {
    const { revision, entries, tainted, crls, aliases } = this
    const bundles = [this.#ownBundle(), ...this.federated]
    return {
      ...{ revision, trustDomain: TRUST_DOMAIN, entries, bundles },
      ...(tainted !== undefined && { tainted }),
      ...(crls !== undefined && { crls }),
      ...(aliases !== undefined && { aliases }),
    }
  }

  #ownBundle(): TrustDomainBundle {
    const { trustDomain, bundle } = this.authority.bundle()
    const retired = this.retired?.bundle().bundle.keys ?? []
    return { trustDomain, bundle: { ...bundle, keys: [...bundle.keys, ...retired] } }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '', query = ''] = (request.url ?? '').split('?')
    const route = `${request.method} ${path}`
    if (path === '/v1/agent/events') this.claims.push(query)
    this.requests.push(route)
    if (this.override?.(request, response)) return
    const body = await readJson(request)
    if (route === 'POST /v1/agent/attest') return this.#attest(body, response)
    const agentId = await this.#authenticate(request.socket as TLSSocket).catch(() => 'unverified')
    if (agentId === 'unverified') return problem(response, 403, 'ERR_NODE_CERTIFICATE')
    if (agentId === undefined) return problem(response, 401, 'ERR_NODE_NO_CERTIFICATE')
    if (this.banned) return problem(response, 403, 'ERR_NODE_BANNED')
    switch (route) {
      case 'POST /v1/agent/renew':
        return json(response, await this.#agentCredential(body.publicKey))
      case 'POST /v1/agent/tainted':
        this.taintReports.push(body as TaintReport)
        response.writeHead(204).end()
        return
      case 'GET /v1/agent/sync':
        return json(response, this.#state())
      case 'GET /v1/agent/events':
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(`event: sync\ndata: ${JSON.stringify(this.#state())}\n\n`)
        this.#streams.add(response)
        response.on('close', () => this.#streams.delete(response))
        return
      default:
        return this.#issue(route, body, response)
    }
  }

  async #issue(route: string, body: Body, response: ServerResponse): Promise<void> {
    if (this.failing) return problem(response, 500, 'ERR_SERVER_INTERNAL')
    const [asked] = body.requests ?? [body]
    const entry = this.entries.find(({ id }) => id === asked?.entryId)
    if (entry === undefined) return problem(response, 403, 'ERR_ENTITLEMENT_ENTRY')
    const { authority, svidTtl, jwtTtl } = this
    switch (route) {
      case 'POST /v1/agent/x509-svids': {
        const credential = await authority.x509(entry.spiffeId, asked?.publicKey, entry.x509SvidTtl ?? svidTtl)
        return json(response, { svids: [{ entryId: entry.id, credential }] })
      }
      case 'POST /v1/agent/wit-svids': {
        const wit = await authority.wit(entry.spiffeId, asked?.publicKey, entry.witTtl ?? svidTtl)
        return json(response, { svids: [{ entryId: entry.id, wit }] })
      }
      case 'POST /v1/agent/jwt-svids':
        return json(response, { jwt: await authority.jwt(entry.spiffeId, body.audience ?? [], jwtTtl) })
      default:
        return problem(response, 404, 'ERR_SERVER_NOT_FOUND')
    }
  }

  async #attest(body: Body, response: ServerResponse): Promise<void> {
    const token = (body.evidence as { token?: string } | undefined)?.token ?? ''
    if (this.banned) return problem(response, 403, 'ERR_NODE_BANNED')
    const key = JSON.stringify(body.publicKey)
    if (!this.tokens.delete(token) && this.#spent.get(token) !== key) {
      return problem(response, 403, 'ERR_ATTESTATION_TOKEN_UNKNOWN')
    }
    this.#spent.set(token, key)
    if (this.lostAnswers > 0) {
      this.lostAnswers -= 1
      response.destroy()
      return
    }
    json(response, await this.#agentCredential(body.publicKey))
  }

  async #agentCredential(publicKey: unknown) {
    const credential = await this.authority.x509(AGENT_ID, publicKey, this.agentTtl)
    return { credential, bundle: this.#ownBundle() }
  }

  async #authenticate(socket: TLSSocket): Promise<string | undefined> {
    const { raw } = socket.getPeerCertificate()
    if (raw === undefined) return undefined
    const { id } = await verifyX509Svid({
      chain: [raw],
      roots: () =>
        [this.authority, ...(this.retired === undefined ? [] : [this.retired])].map((each) => each.certificate),
      now: this.clock.now(),
      crypto: nodeCrypto,
      usage: 'clientAuth',
    })
    return id.toString()
  }
}

function pkcs8Pem(der: Uint8Array): string {
  const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}

interface Body {
  readonly evidence?: unknown
  readonly publicKey?: unknown
  readonly entryId?: string
  readonly audience?: string[]
  readonly requests?: { entryId?: string; publicKey?: unknown }[]
}

async function readJson(request: IncomingMessage): Promise<Body> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text === '' ? {} : (JSON.parse(text) as Body)
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function problem(response: ServerResponse, status: number, code: string, detail = ''): void {
  const body = { type: 'about:blank', title: code, status, code, detail }
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body))
}

/** An entry of the fake server's one agent. */
export function entry(id: string, path: string, overrides: Partial<Entry> = {}): Entry {
  return {
    id,
    revision: 1,
    createdAt: 1_600_000_000,
    spiffeId: `spiffe://${TRUST_DOMAIN}${path}`,
    parentId: AGENT_ID,
    selectors: [{ type: 'test', value: 'all' }],
    ...overrides,
  }
}
