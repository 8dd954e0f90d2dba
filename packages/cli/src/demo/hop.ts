/** One call of the chain, as its callee saw it. */
export interface Hop {
  readonly caller: string
  readonly callee: string
  readonly binding: string
  readonly audience: string | undefined
  /** From the request's arrival to the answer, calls further on included. Milliseconds. */
  readonly tookMs: number
}

/** What the services answer: the order, and every hop it went through, last one first. */
export interface OrderAnswer {
  readonly order: { readonly item: string; readonly quantity: number; readonly booking?: string }
  readonly hops: readonly Hop[]
}

export function isOrderAnswer(value: unknown): value is OrderAnswer {
  return typeof value === 'object' && value !== null && 'order' in value && 'hops' in value && Array.isArray(value.hops)
}
