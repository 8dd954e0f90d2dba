import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { type Clock, UpstreamAuthorityError } from '@countersign/plugin-kit'
import { CertificateError, errorCode, WorkloadId } from '@countersign/protocol'
import { mutualTlsSettings } from '@countersign/workload-api/server'
import type { IdentitySource } from './workload-identity.ts'

export interface UpperServerOptions {
  readonly url: URL
  readonly identity: IdentitySource
  readonly clock: Clock
}

export interface UpperCall {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  readonly body?: unknown
}

export interface UpperAnswer {
  /** JSON as it came, `undefined` for an answer without content. */
  readonly value: unknown
  /** Of the identity that was shown. */
  readonly trustDomain: string
}

const TIMEOUT_MS = 10_000
/** A bundle of many roots and keys. */
const MAX_ANSWER_BYTES = 1024 * 1024
/** What an operator can do about it. */
const REFUSALS: Readonly<Record<string, string>> = {
  ERR_DOWNSTREAM_NOT_ENTITLED:
    'server above refused: its entry for this server needs the flag downstream, on a node in good standing',
  ERR_DOWNSTREAM_PATH_LENGTH: 'server above refused: path lengths leave no room for this server',
  ERR_DOWNSTREAM_KEY_TAKEN: 'server above refused: a token key has the name of one that is known already',
}
const SERVER_PATH = '/countersign/server'

/** The server above: spoken to by nothing but its own identity in the trust domain, with the one of this server. */
export class UpperServer {
  readonly #options: UpperServerOptions

  constructor(options: UpperServerOptions) {
    this.#options = options
  }

  /**
   * One exchange, on a connection of its own: there are few.
   *
   * @throws UpstreamAuthorityError `ERR_UPSTREAM_AUTHORITY_IDENTITY` for an own identity that cannot be used, or another
   *   server at the other end; `…_UNREACHABLE`, `…_REFUSED`, `…_ANSWER`
   */
  async call(call: UpperCall): Promise<UpperAnswer> {
    const { identity, clock } = this.#options
    const own = await identity.read()
    const trustDomain = WorkloadId.parse(own.svids[0]?.spiffeId ?? '').trustDomain
    const server = WorkloadId.parse(`spiffe://${trustDomain}${SERVER_PATH}`)
    const tls = settings(() => mutualTlsSettings(own, server, () => clock.now()))
    const { status, text } = await this.#exchange(call, tls)
    if (status >= 500) throw unreachable(`status ${status} ${codeIn(text)}`)
    if (status < 200 || status >= 300) {
      const code = codeIn(text)
      throw new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_REFUSED', REFUSALS[code] ?? 'server above refused', {
        detail: `status ${status} ${code}`,
      })
    }
    return { value: text === '' ? undefined : parse(text), trustDomain }
  }

  #exchange(
    { method, path, body }: UpperCall,
    { context, checkServerIdentity }: ReturnType<typeof mutualTlsSettings>,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const headers = {
      accept: 'application/json',
      ...(content !== undefined && { 'content-type': 'application/json', 'content-length': content.length }),
    }
    return new Promise((resolve, reject) => {
      // No pool: a resumed session would skip the certificate that has to be looked at.
      const options = { ...context, checkServerIdentity, method, headers, agent: false, ALPNProtocols: ['http/1.1'] }
      const outgoing = request(new URL(path, this.#options.url), options)
      const cancel = this.#options.clock.schedule(TIMEOUT_MS, () => outgoing.destroy(unreachable('no answer in time')))
      outgoing.on('response', (response) => {
        readText(response).then(
          (text) => resolve({ status: response.statusCode ?? 0, text }),
          (error: unknown) => reject(asError(error)),
        )
      })
      outgoing.on('error', (error) => reject(asError(error)))
      outgoing.on('close', cancel)
      outgoing.end(content)
    })
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw answer(`is larger than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function settings<T>(make: () => T): T {
  try {
    return make()
  } catch (cause) {
    throw new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_IDENTITY', 'identity of this server cannot be used', {
      detail: cause instanceof TypeError ? cause.message : 'unusable certificate or key',
    })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw answer('is not JSON')
  }
}

/** The server's own code, when the answer is its own. */
function codeIn(text: string): string {
  try {
    const { code } = JSON.parse(text) as { code?: unknown }
    return typeof code === 'string' && /^ERR_[A-Z0-9_]{1,64}$/.test(code) ? code : ''
  } catch {
    return ''
  }
}

function asError(error: unknown): UpstreamAuthorityError {
  if (error instanceof UpstreamAuthorityError) return error
  if (error instanceof CertificateError) {
    const context = { detail: error.code, cause: error }
    return new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_IDENTITY', 'other end is not the server above', context)
  }
  return unreachable((error as NodeJS.ErrnoException).code ?? errorCode(error) ?? 'unexpected error', error)
}

function unreachable(detail: string, cause?: unknown): UpstreamAuthorityError {
  return new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_UNREACHABLE', 'server above cannot be reached', {
    detail,
    ...(cause !== undefined && { cause }),
  })
}

function answer(reason: string): UpstreamAuthorityError {
  return new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_ANSWER', `answer of the server above ${reason}`)
}
