/** A real Workload API over a Unix socket, in this process, that says what a test tells it to say. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import {
  SECURITY_HEADER,
  SECURITY_HEADER_VALUE,
  type WITBundlesResponse,
  WITBundlesResponseSchema,
  type WITSVID,
  type WITSVIDResponse,
  WITSVIDResponseSchema,
  workloadApiMethods,
  type X509SVIDResponse,
} from '@countersign/workload-api'
import { type MethodDefinition, Server, ServerCredentials, type ServerWritableStream, status } from '@grpc/grpc-js'

/** What a stream says: a message, bytes that are none, or the status it ends with. */
type Told<Message> = Message | Uint8Array | { readonly code: status; readonly details: string }
type Call<Message> = ServerWritableStream<unknown, Told<Message>>

export class WorkloadApiServer {
  readonly #folder: string
  readonly #socket: string
  readonly #identity = new Stream<WITSVIDResponse>()
  readonly #trust = new Stream<WITBundlesResponse>()
  readonly #certificates = new Stream<X509SVIDResponse>()
  #server: Server | undefined

  private constructor(folder: string) {
    this.#folder = folder
    this.#socket = join(folder, 'workload.sock')
  }

  static async start(): Promise<WorkloadApiServer> {
    const server = new WorkloadApiServer(await mkdtemp(join(tmpdir(), 'countersign-sdk-')))
    await server.comeBack()
    return server
  }

  get address(): string {
    return `unix://${this.#socket}`
  }

  get openStreams(): number {
    return this.#identity.open + this.#trust.open + this.#certificates.open
  }

  giveIdentities(...svids: readonly WITSVID[]): void {
    this.#identity.tell(create(WITSVIDResponseSchema, { svids: [...svids] }))
  }

  giveBundles(bundles: Readonly<Record<string, string>>): void {
    this.#trust.tell(create(WITBundlesResponseSchema, { bundles: { ...bundles } }))
  }

  giveCertificates(message: X509SVIDResponse): void {
    this.#certificates.tell(message)
  }

  /** Bytes that are no message of this protocol. */
  giveGarbage(): void {
    this.#identity.tell(Uint8Array.of(0xff, 0xff, 0xff))
    this.#trust.tell(Uint8Array.of(0xff, 0xff, 0xff))
  }

  endIdentities(code: status, details = ''): void {
    this.#identity.tell({ code, details })
  }

  endBundles(code: status, details = ''): void {
    this.#trust.tell({ code, details })
  }

  endCertificates(code: status, details = ''): void {
    this.#certificates.tell({ code, details })
  }

  /** What an agent does when an entry is deleted. */
  withdraw(): void {
    this.endIdentities(status.PERMISSION_DENIED, 'no identity issued')
    this.endBundles(status.PERMISSION_DENIED, 'no identity issued')
  }

  goAway(): void {
    this.#server?.forceShutdown()
    this.#server = undefined
  }

  async comeBack(): Promise<void> {
    const server = new Server()
    server.addService(
      {
        fetchWITSVID: tolerant(workloadApiMethods.fetchWITSVID),
        fetchWITBundles: tolerant(workloadApiMethods.fetchWITBundles),
        fetchX509SVID: tolerant(workloadApiMethods.fetchX509SVID),
      },
      {
        fetchWITSVID: (call: Call<WITSVIDResponse>) => this.#identity.serve(call),
        fetchWITBundles: (call: Call<WITBundlesResponse>) => this.#trust.serve(call),
        fetchX509SVID: (call: Call<X509SVIDResponse>) => this.#certificates.serve(call),
      },
    )
    await rm(this.#socket, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.#socket}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      )
    })
    this.#server = server
  }

  async stop(): Promise<void> {
    this.goAway()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** One method: the calls that are open, and what each is told at once and on every change. */
class Stream<Message> {
  readonly #calls = new Set<Call<Message>>()
  #told: Told<Message> | undefined

  get open(): number {
    return this.#calls.size
  }

  serve(call: Call<Message>): void {
    if (call.metadata.get(SECURITY_HEADER).join() !== SECURITY_HEADER_VALUE) {
      call.emit('error', { code: status.INVALID_ARGUMENT, details: 'security header missing' })
      return
    }
    this.#calls.add(call)
    for (const event of ['cancelled', 'close', 'error']) call.on(event, () => this.#calls.delete(call))
    if (this.#told !== undefined) say(call, this.#told)
  }

  tell(told: Told<Message>): void {
    this.#told = told
    for (const call of this.#calls) say(call, told)
  }
}

function say<Message>(call: Call<Message>, told: Told<Message>): void {
  if (typeof told === 'object' && told !== null && 'code' in told) call.emit('error', told)
  else call.write(told)
}

/** The method as it is, but able to send bytes that are not its message. */
function tolerant<In, Out>(method: MethodDefinition<In, Out>): MethodDefinition<In, Out | Uint8Array> {
  return {
    ...method,
    responseSerialize: (message) =>
      message instanceof Uint8Array ? Buffer.from(message) : method.responseSerialize(message),
  }
}
