import type { EndpointAddress } from '@countersign/workload-api'
import {
  decodeResponse,
  encodeJwtSvidRequest,
  encodeValidateRequest,
  isUnary,
  type Responses,
  type RpcName,
  rpcPath,
} from './rpcs.ts'
import { skip } from './skip-check.ts'
import { type Answer, describeAnswer } from './transport/ending.ts'
import type { GrpcCall } from './transport/grpc-call.ts'
import { type CallOptions, type Dial, GrpcConnection } from './transport/grpc-connection.ts'

/** How long to wait for what, in milliseconds. */
export interface Patience {
  /** For an answer. */
  readonly answerMs: number
  /** For the first message of a stream, which is due at once. */
  readonly promptMs: number
  /** How long a stream is watched. */
  readonly observeMs: number
  /** For a token to expire. 0 does not wait. */
  readonly expiryMs: number
}

export interface ProbeOptions {
  readonly address: EndpointAddress
  /** As this process, which has an identity. */
  readonly dial: Dial
  /** As a process without an identity; a text says why there is none. */
  readonly dialWithoutIdentity: Dial | string
  readonly patience: Patience
  /** Epoch seconds. */
  readonly now: () => number
  readonly sleep: (milliseconds: number) => Promise<void>
}

/** The audience of every token the suite asks for: no service has this name. */
export const AUDIENCE = 'workload-api-conformance'
export const SECOND_AUDIENCE = 'workload-api-conformance-2'

const EMPTY = new Uint8Array()

/** A program that asks a Workload API endpoint. Remembers the current state, so that checks of its content ask once. */
export class Probe {
  readonly options: ProbeOptions
  readonly #remembered = new Map<string, Promise<unknown>>()
  #connection: Promise<GrpcConnection> | undefined

  constructor(options: ProbeOptions) {
    this.options = options
  }

  get patience(): Patience {
    return this.options.patience
  }

  /** A connection that checks share; a new one when the server has closed it. */
  async connection(): Promise<GrpcConnection> {
    if (this.#connection === undefined || (await this.#connection.catch(() => undefined))?.isClosed !== false) {
      this.#connection = this.newConnection()
    }
    return this.#connection
  }

  newConnection(): Promise<GrpcConnection> {
    return GrpcConnection.open(this.options.dial, this.patience.answerMs)
  }

  /** Lends a connection that nobody shares. */
  async withConnection<T>(use: (connection: GrpcConnection) => Promise<T>): Promise<T> {
    const connection = await this.newConnection()
    try {
      return await use(connection)
    } finally {
      connection.close()
    }
  }

  /** Starts a call on the shared connection. */
  async call(name: string, request: Uint8Array = EMPTY, options: CallOptions = {}): Promise<GrpcCall> {
    return (await this.connection()).call(rpcPath(name), request, options)
  }

  /** The first answer of a call. Of a unary one, a message counts only if the status after it is OK. */
  async ask(name: RpcName, request?: Uint8Array, options?: CallOptions): Promise<Answer> {
    const call = await this.call(name, request, options)
    return this.firstAnswer(name, call)
  }

  async firstAnswer(name: RpcName, call: GrpcCall): Promise<Answer> {
    try {
      const first = await call.next(this.patience.answerMs)
      if (first.message === undefined || !isUnary(name)) return first
      const { ending } = await call.next(this.patience.answerMs)
      return ending?.name === 'OK' ? first : { ...(ending === undefined ? {} : { ending }) }
    } finally {
      call.cancel()
    }
  }

  /** The current state, asked for once. @throws SkipCheck when the server does not give it */
  state<Name extends Exclude<RpcName, 'ValidateJWTSVID'>>(name: Name): Promise<Responses[Name]> {
    return this.remember(name, async () => {
      const answer = await this.ask(name, name === 'FetchJWTSVID' ? encodeJwtSvidRequest([AUDIENCE]) : EMPTY)
      return this.decode(name, answer)
    })
  }

  /** @throws SkipCheck when there is no message, or not the one there should be */
  decode<Name extends RpcName>(name: Name, answer: Answer): Responses[Name] {
    const { message } = answer
    if (message === undefined) return skip(`${name} gave ${describeAnswer(answer)}`)
    return decodeResponse(name, message) ?? skip(`${name} gave a message that cannot be decoded`)
  }

  /** The trust domain's own SPIFFE ID, from the default identity. @throws SkipCheck */
  async ownTrustDomain(): Promise<string> {
    const { svids } = await this.state('FetchX509SVID')
    const [, domain] = /^(spiffe:\/\/[^/?#]+)/.exec(svids[0]?.spiffeId ?? '') ?? []
    return domain ?? skip('the default identity names no trust domain')
  }

  /** The SPIFFE IDs of this process, in the server's order. @throws SkipCheck */
  async identities(): Promise<readonly string[]> {
    return (await this.state('FetchX509SVID')).svids.map(({ spiffeId }) => spiffeId)
  }

  /** A token of this process for {@link AUDIENCE}. @throws SkipCheck */
  async token(): Promise<string> {
    const { svids } = await this.state('FetchJWTSVID')
    return svids[0]?.svid ?? skip('FetchJWTSVID gave no token')
  }

  /** A request that is answered when it carries the security header. @throws SkipCheck */
  async goodRequest(name: RpcName): Promise<Uint8Array> {
    if (name === 'FetchJWTSVID') return encodeJwtSvidRequest([AUDIENCE])
    return name === 'ValidateJWTSVID' ? encodeValidateRequest(AUDIENCE, await this.token()) : EMPTY
  }

  /** Whether a new connection is served. `undefined` when it is, else what happened. */
  async harm(): Promise<string | undefined> {
    try {
      return await this.withConnection(async (connection) => {
        const answer = await this.firstAnswer('FetchX509SVID', connection.call(rpcPath('FetchX509SVID'), EMPTY))
        return answer.message === undefined ? `then a new connection got ${describeAnswer(answer)}` : undefined
      })
    } catch {
      return 'then no new connection could be opened'
    }
  }

  remember<T>(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#remembered.get(key) ?? make()
    this.#remembered.set(key, known)
    return known as Promise<T>
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined)
    connection?.close()
  }
}
