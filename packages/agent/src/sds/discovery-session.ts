import { randomBytes } from 'node:crypto'
import { invalidArgument } from '../workload-api/rpc-error.ts'
import type { Node } from './gen/envoy/config/core/v3/base_pb.ts'
import type { Status } from './gen/google/rpc/status_pb.ts'
import { SECRET_TYPE_URL, type SecretResource } from './secret-resource.ts'
import { Subscription } from './subscription.ts'

/** Told what a client said when it refused a response. */
export type OnRejection = (reason: string) => void

/** What requests of both variants have. */
interface DiscoveryRequestBase {
  readonly node?: Node | undefined
  readonly errorDetail?: Status | undefined
}

/** One variant of the xDS protocol, seen from one stream. */
export abstract class DiscoverySession<Request, Response> {
  readonly subscription = new Subscription()
  protected readonly nonces = new Nonces()
  readonly #onRejection: OnRejection
  #isPlain: boolean | undefined
  #isFirst = true

  constructor(onRejection: OnRejection) {
    this.#onRejection = onRejection
  }

  /** What the client's node metadata says of the SPIFFE certificate validator, when it says anything. */
  get isPlain(): boolean | undefined {
    return this.#isPlain
  }

  /**
   * Takes in a request.
   *
   * @returns whether there may be something to answer
   * @throws RpcError INVALID_ARGUMENT
   */
  abstract receive(request: Request): boolean

  /**
   * What the client is to be told; it is taken as told.
   *
   * @returns `undefined`: nothing it has not been told already
   */
  abstract answer(resources: ReadonlyMap<string, SecretResource>): Response | undefined

  /** Who the client is, which it says once, and what it thought of the last response. @returns whether it is the first request */
  protected hear({ node, errorDetail }: DiscoveryRequestBase): boolean {
    const isFirst = this.#isFirst
    this.#isFirst = false
    if (isFirst) this.#isPlain = readPlainValidation(node)
    if (errorDetail !== undefined) this.#onRejection(readReason(errorDetail))
    return isFirst
  }
}

/** @throws RpcError INVALID_ARGUMENT for another type of resource; that no type is named is taken for this one */
export function requireSecretType(typeUrl: string): void {
  if (typeUrl !== '' && typeUrl !== SECRET_TYPE_URL) throw invalidArgument(`type_url is not ${SECRET_TYPE_URL}`)
}

const DISABLE_VALIDATOR = 'disable_spiffe_cert_validation'
const MAX_REASON_LENGTH = 512
/** How PEM begins, as it is and in base64. */
const PEM_BEGIN = /-----BEGIN|LS0tLS1CRUdJTi/

/** The one key of node metadata with a meaning here, the same as elsewhere; a value that is no truth value says nothing. */
export function readPlainValidation(node: Node | undefined): boolean | undefined {
  const value = node?.metadata?.[DISABLE_VALIDATOR]
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  return undefined
}

/** The client's own words, for the operator, up to where they would quote the secret that was refused. */
export function readReason({ code, message }: Status): string {
  const [words = ''] = message.split(PEM_BEGIN, 1)
  return `${code}: ${words.slice(0, MAX_REASON_LENGTH)}`
}

/** Nonces that no other stream has. */
export class Nonces {
  readonly #stream = randomBytes(8).toString('hex')
  #count = 0
  #last: string | undefined

  /** Of the newest response; `undefined` before the first. */
  get last(): string | undefined {
    return this.#last
  }

  next(): string {
    this.#count += 1
    this.#last = `${this.#stream}-${this.#count}`
    return this.#last
  }
}
