import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { TxnTokenIssuer } from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { verifyCaller } from '../middleware/http.ts'
import type { Programs } from './programs.ts'
import { closeServer, listen } from './wire.ts'

export const DOMAIN = 'shop.example'

/** A Transaction Token Service on this host: knows its callers by their proofs, and remembers what they asked for. */
export class TransactionService {
  readonly key: NodeSigningKey = generateSigningKey('ES256', { kid: 'oauth-1' })
  readonly forms: URLSearchParams[] = []
  readonly callers: string[] = []
  readonly origin: string
  /** Answers in place of the service, where a test says so. */
  answer: { readonly status: number; readonly body: string } | undefined
  /** Keys it publishes. */
  published: readonly object[] = [this.key.publicJwk]
  keyRequests = 0
  readonly #server: Server
  readonly #programs: Programs

  private constructor(server: Server, port: number, programs: Programs) {
    this.#server = server
    this.#programs = programs
    this.origin = `http://127.0.0.1:${port}`
    const token = verifyCaller(
      { workload: programs.connect('/tts'), audience: this.origin, policy: () => true },
      async (request, response) => {
        this.callers.push(request.caller.id.toString())
        if (request.headers['txn-token'] !== undefined) this.callers.push('in a transaction')
        this.forms.push(new URLSearchParams(await text(request)))
        const { status, body } = this.answer ?? { status: 200, body: JSON.stringify(this.#issue()) }
        response.writeHead(status, { 'content-type': 'application/json' }).end(body)
      },
    )
    server.on('request', (request, response) => {
      if (request.url === '/oauth2/token') return token(request, response)
      this.keyRequests++
      response.end(JSON.stringify({ keys: this.published }))
    })
  }

  static async start(programs: Programs): Promise<TransactionService> {
    const server = createServer()
    return new TransactionService(server, await listen(server), programs)
  }

  get tokenEndpoint(): string {
    return `${this.origin}/oauth2/token`
  }

  get jwksUri(): string {
    return `${this.origin}/oauth2/jwks`
  }

  /** A transaction token as the service would issue it; what differs is given. */
  token(change: object = {}, trustDomain = DOMAIN, key = this.key): string {
    const now = this.#programs.clock.now()
    return new TxnTokenIssuer(key, { issuer: this.origin, trustDomain }).issue({
      transaction: {
        id: `txn-${this.forms.length}`,
        context: { order: '42' },
        requestContext: undefined,
        requestingWorkloads: ['spiffe://shop.example/gateway'],
      },
      subject: 'login/alice',
      scopes: ['orders.read'],
      issuedAt: now,
      expiresAt: now + 120,
      ...change,
    }) as string
  }

  #issue(): object {
    return {
      access_token: this.token(),
      issued_token_type: 'urn:ietf:params:oauth:token-type:txn_token',
      token_type: 'N_A',
      expires_in: 120,
    }
  }

  stop(): Promise<unknown> {
    return Promise.resolve(closeServer(this.#server))
  }
}
