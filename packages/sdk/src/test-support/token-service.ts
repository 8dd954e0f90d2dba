import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { InProcessReplayMemory } from '@countersign/protocol'
import {
  type AccessTokenContent,
  AccessTokenIssuer,
  DpopNonces,
  DpopProofVerifier,
} from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { CallerVerifier } from '../verification/caller-verifier.ts'
import type { Programs } from './programs.ts'
import { closeServer, listen } from './wire.ts'

/** What one request to the token endpoint brought and proved. */
export interface TokenServiceCall {
  readonly form: URLSearchParams
  readonly caller: string | undefined
  /** Thumbprint of the key of its DPoP proof. */
  readonly jkt: string | undefined
  readonly txnToken: unknown
}

/** An authorization server on this host: verifies WITs with their proofs, and DPoP proofs, and remembers what it was asked. */
export class TokenService {
  readonly key: NodeSigningKey = generateSigningKey('ES256', { kid: 'oauth-1' })
  readonly calls: TokenServiceCall[] = []
  readonly origin: string
  readonly issuer: string
  /** In place of what it would answer. */
  answer:
    | ((call: TokenServiceCall) => {
        readonly status?: number
        readonly body: object | string
        readonly location?: string
      })
    | undefined
  /** Members that replace those of its metadata. */
  metadata: object = {}
  published: readonly object[] = [this.key.publicJwk]
  documentRequests: string[] = []
  /** Seconds that its tokens live. */
  lifetime = 300
  asksForNonce = false
  /** Holds answers back until it resolves. */
  held: Promise<unknown> | undefined
  waiting = 0
  readonly #server: Server
  readonly #programs: Programs
  readonly #caller: CallerVerifier
  readonly #nonces = new DpopNonces(nodeCrypto)
  readonly #dpop = new DpopProofVerifier({ crypto: nodeCrypto, replayMemory: new InProcessReplayMemory() })

  private constructor(server: Server, port: number, programs: Programs) {
    this.#server = server
    this.#programs = programs
    this.origin = `http://127.0.0.1:${port}`
    this.issuer = `${this.origin}/oauth2`
    const workload = programs.connect('/token-service')
    this.#caller = new CallerVerifier({ workload, audience: this.origin, policy: () => true })
    server.on('request', (request, response) => this.#serve(request, response))
  }

  static async start(programs: Programs): Promise<TokenService> {
    const server = createServer()
    return new TokenService(server, await listen(server), programs)
  }

  get tokenEndpoint(): string {
    return `${this.issuer}/token`
  }

  /** An access token as the service would issue it; what differs is given. */
  token(change: Partial<AccessTokenContent> = {}, issuer = this.issuer, key = this.key): string {
    const now = this.#programs.clock.now()
    return new AccessTokenIssuer(key, issuer).issue({
      subject: 'spiffe://shop.example/storefront',
      audience: ['https://orders.example'],
      clientId: 'spiffe://shop.example/storefront',
      scopes: ['orders.read'],
      issuedAt: now,
      expiresAt: now + this.lifetime,
      id: `token-${this.calls.length}`,
      ...change,
    }) as string
  }

  stop(): Promise<void> {
    return closeServer(this.#server)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '' } = request
    response.setHeader('content-type', 'application/json')
    if (url !== '/oauth2/token') {
      this.documentRequests.push(url)
      const isKeys = url === '/oauth2/jwks'
      response.end(JSON.stringify(isKeys ? { keys: this.published } : { ...this.#metadata(), ...this.metadata }))
      return
    }
    const form = new URLSearchParams(await text(request))
    this.waiting++
    await this.held
    this.waiting--
    const { status, body, location } = await this.#answer(request, form)
    if (location !== undefined) response.setHeader('location', location)
    if (this.asksForNonce) response.setHeader('dpop-nonce', this.#nonces.current(this.#programs.clock.now()))
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
  }

  async #answer(request: IncomingMessage, form: URLSearchParams) {
    const now = this.#programs.clock.now()
    const proof = request.headers['dpop']
    let jkt: string | undefined
    if (typeof proof === 'string') {
      const context = { method: 'POST', url: this.tokenEndpoint, now }
      const acceptsNonce = (nonce: string) => this.#nonces.accepts(nonce, now)
      try {
        const verified = await this.#dpop.verify(proof, this.asksForNonce ? { ...context, acceptsNonce } : context)
        jkt = verified.thumbprint
      } catch (error) {
        const isNonce = (error as { code?: string }).code === 'ERR_PROOF_NONCE'
        return { status: 400, body: { error: isNonce ? 'use_dpop_nonce' : 'invalid_dpop_proof' } }
      }
    }
    const hasWit = request.headers['workload-identity-token'] !== undefined
    const target = { method: 'POST', target: '/oauth2/token', rawHeaders: request.rawHeaders }
    const caller = hasWit ? (await this.#caller.verify(target)).id.toString() : undefined
    const call = { form, caller, jkt, txnToken: request.headers['txn-token'] }
    this.calls.push(call)
    const made = this.answer?.(call)
    return { status: made?.status ?? 200, body: made?.body ?? this.grant(call), location: made?.location }
  }

  /** The answer to a call that is granted. */
  grant({ jkt, form }: TokenServiceCall, change: object = {}): object {
    const confirmation = jkt === undefined ? undefined : ({ kind: 'jkt', thumbprint: jkt } as const)
    const isExchange = form.get('grant_type')?.endsWith(':token-exchange')
    return {
      access_token: this.token({ confirmation }),
      token_type: jkt === undefined ? 'Bearer' : 'DPoP',
      expires_in: this.lifetime,
      ...(isExchange ? { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' } : {}),
      ...change,
    }
  }

  #metadata(): object {
    return {
      issuer: this.issuer,
      token_endpoint: this.tokenEndpoint,
      jwks_uri: `${this.issuer}/jwks`,
      dpop_signing_alg_values_supported: ['ES256'],
    }
  }
}
