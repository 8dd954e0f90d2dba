import type { ServerResponse } from 'node:http'
import { notSigned, type ResponseSigner } from '../presentation/response-signer.ts'
import { SdkError } from '../sdk-error.ts'
import { answerTo, PROBLEM_MEDIA_TYPE } from '../verification/problem.ts'

/** What is replaced while a response is held back. */
const HELD_METHODS = ['write', 'end', 'writeHead', 'flushHeaders', 'addTrailers'] as const

type Callback = (error?: Error | null) => void

/**
 * Holds a response back until it is whole, signs it and lets it go. What cannot be held, because it is streamed, has
 * trailers or is too large, is answered 501 instead: success must not go out unsigned.
 *
 * @see draft-ietf-wimse-http-signature, "Signing the Response"
 */
export function signNodeResponse(response: ServerResponse, signer: ResponseSigner): void {
  new HeldResponse(response, signer).hold()
}

class HeldResponse {
  readonly #response: ServerResponse
  readonly #signer: ResponseSigner
  readonly #own: PropertyDescriptorMap
  #chunks: Buffer[] = []
  #size = 0
  #headWritten = false
  #over = false

  constructor(response: ServerResponse, signer: ResponseSigner) {
    this.#response = response
    this.#signer = signer
    // Another middleware may have put methods of its own there; it gets them back.
    this.#own = Object.fromEntries(
      [...HELD_METHODS, 'headersSent'].flatMap((name) => {
        const descriptor = Object.getOwnPropertyDescriptor(response, name)
        return descriptor === undefined ? [] : [[name, descriptor]]
      }),
    )
  }

  hold(): void {
    const replacements: Record<(typeof HELD_METHODS)[number], (...values: never[]) => unknown> = {
      write: (chunk: unknown, ...rest: unknown[]) => this.#write(chunk, rest),
      end: (...values: unknown[]) => this.#end(values),
      writeHead: (status: number, ...rest: unknown[]) => this.#writeHead(status, rest),
      flushHeaders: () => this.#refuse('a streamed response cannot be signed'),
      addTrailers: () => this.#refuse('a response with trailers cannot be signed'),
    }
    for (const name of HELD_METHODS) {
      Object.defineProperty(this.#response, name, { value: replacements[name], configurable: true, writable: true })
    }
    Object.defineProperty(this.#response, 'headersSent', {
      get: () => this.#headWritten || this.#over,
      configurable: true,
    })
  }

  #write(chunk: unknown, rest: readonly unknown[]): boolean {
    this.#headWritten = true
    this.#add(chunk, rest)
    // Server-sent events come one at a time, for hours.
    if (/^text\/event-stream\b/i.test(String(this.#response.getHeader('content-type') ?? ''))) {
      this.#refuse('a streamed response cannot be signed')
    }
    callbackOf(rest)?.(null)
    return true
  }

  #end(values: readonly unknown[]): ServerResponse {
    const [chunk, ...rest] = values
    const done = callbackOf(values)
    if (done !== undefined) this.#response.once('finish', done)
    if (typeof chunk !== 'function') this.#add(chunk, rest)
    if (!this.#over) {
      this.#over = true
      void this.#sendSigned()
    }
    return this.#response
  }

  #writeHead(status: number, rest: readonly unknown[]): ServerResponse {
    if (this.#over) return this.#response
    this.#headWritten = true
    this.#response.statusCode = status
    const [reason, fields] = typeof rest[0] === 'string' ? rest : [undefined, rest[0] ?? rest[1]]
    if (typeof reason === 'string') this.#response.statusMessage = reason
    for (const [name, value] of fieldsOf(fields)) this.#response.setHeader(name, value)
    return this.#response
  }

  #add(chunk: unknown, rest: readonly unknown[]): void {
    if (this.#over || chunk === undefined || chunk === null) return
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : 'utf8')
        : Buffer.from(chunk as Uint8Array)
    this.#chunks.push(bytes)
    this.#size += bytes.length
    if (this.#size > this.#signer.maxBodyBytes) this.#refuse('the response is too large to be signed')
  }

  #refuse(message: string): void {
    if (this.#over) return
    this.#over = true
    void this.#sendRefusal(notSigned(message))
  }

  async #sendSigned(): Promise<void> {
    const response = this.#response
    const body = hasNoContent(response) ? Buffer.alloc(0) : Buffer.concat(this.#chunks, this.#size)
    this.#chunks = []
    const status = response.statusCode
    const rawHeaders = response.getHeaderNames().flatMap((name) => valuesOf(response, name))
    try {
      const signed = await this.#signer.sign({ status, rawHeaders, body })
      // As they are on the wire: a value that needs cleaning would no longer be the one signed.
      const added = signed.slice(rawHeaders.length)
      this.#release()
      for (let index = 0; index < added.length; index += 2) {
        response.setHeader(added[index] as string, added[index + 1] as string)
      }
      response.removeHeader('transfer-encoding')
      if (!hasNoContent(response)) response.setHeader('content-length', body.length)
      response.end(body.length === 0 ? undefined : body)
    } catch (error) {
      await this.#sendRefusal(error)
    }
  }

  async #sendRefusal(error: unknown): Promise<void> {
    const response = this.#response
    this.#chunks = []
    // Held until the very turn it goes out: the handler may still be writing, and none of that is signed.
    this.hold()
    const problem = answerTo(error instanceof SdkError ? error : notSigned('the response could not be signed', error))
    const body = Buffer.from(JSON.stringify(problem))
    const plain = ['content-type', PROBLEM_MEDIA_TYPE, 'cache-control', 'no-store']
    const rawHeaders = await this.#signer.sign({ status: problem.status, rawHeaders: plain, body }).catch(() => plain)
    this.#release()
    if (!response.headersSent && !response.destroyed) {
      for (const name of response.getHeaderNames()) response.removeHeader(name)
      response.statusCode = problem.status
      response.statusMessage = ''
      for (let index = 0; index < rawHeaders.length; index += 2) {
        response.setHeader(rawHeaders[index] as string, rawHeaders[index + 1] as string)
      }
      response.setHeader('content-length', body.length)
      response.end(body)
    }
    this.#swallow()
  }

  #release(): void {
    for (const name of [...HELD_METHODS, 'headersSent']) {
      delete (this.#response as unknown as Record<string, unknown>)[name]
    }
    Object.defineProperties(this.#response, this.#own)
  }

  /** A handler that was streaming goes on for a while; nobody hears it. */
  #swallow(): void {
    const response = this.#response
    const replace = (name: 'write' | 'end', answer: unknown) => {
      const value = (...values: unknown[]) => {
        callbackOf(values)?.(null)
        return answer
      }
      Object.defineProperty(response, name, { value, configurable: true, writable: true })
    }
    replace('write', true)
    replace('end', response)
  }
}

function hasNoContent({ statusCode, req }: ServerResponse): boolean {
  return req.method === 'HEAD' || statusCode === 204 || statusCode === 304
}

function valuesOf(response: ServerResponse, name: string): string[] {
  const value = response.getHeader(name) ?? []
  return (Array.isArray(value) ? value : [value]).flatMap((each) => [name, String(each)])
}

/** All three forms that `writeHead` takes: an object, a flat list, a list of pairs. */
function fieldsOf(fields: unknown): ReadonlyMap<string, string | number | readonly string[]> {
  const collected = new Map<string, string | number | readonly string[]>()
  if (Array.isArray(fields)) {
    const pairs = Array.isArray(fields[0])
      ? fields
      : fields.flatMap((_, at) => (at % 2 === 0 ? [fields.slice(at, at + 2)] : []))
    for (const [rawName, value] of pairs as [string, string][]) {
      const name = String(rawName).toLowerCase()
      const earlier = collected.get(name)
      collected.set(name, earlier === undefined ? value : [...[earlier].flat().map(String), String(value)])
    }
  } else if (typeof fields === 'object' && fields !== null) {
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) collected.set(name, value)
  }
  return collected
}

function callbackOf(values: readonly unknown[]): Callback | undefined {
  return values.find((value): value is Callback => typeof value === 'function')
}
