import { type AcceptedSignature, parseAcceptSignature, SignatureError } from '@countersign/protocol'

const CAPACITY = 1_000

/** Which services have asked for signed requests. A wish is not authenticated: it can only make a proof say more. */
export class AskedSignatures {
  readonly #byOrigin = new Map<string, AcceptedSignature>()

  get(origin: string): AcceptedSignature | undefined {
    return this.#byOrigin.get(origin)
  }

  /** @returns whether the response asks for what was not asked before */
  note(origin: string, response: { readonly headers: { get(name: string): string | null } }): boolean {
    const field = response.headers.get('accept-signature')
    if (field === null) return false
    const asked = parse(field)
    if (asked === undefined || this.#byOrigin.has(origin)) return false
    if (this.#byOrigin.size >= CAPACITY) this.#byOrigin.clear()
    this.#byOrigin.set(origin, asked)
    return true
  }
}

/** A field that makes no sense is no wish. */
function parse(field: string): AcceptedSignature | undefined {
  try {
    return parseAcceptSignature(field)
  } catch (error) {
    if (error instanceof SignatureError) return undefined
    throw error
  }
}
