/** Someone who acted for the user, and who says so: nobody but the token service itself, or the issuer of another domain. */
export interface SeenActor {
  readonly subject: string
  readonly issuer?: string
}

/** A payment, as the bank's ledger saw it. */
export interface Sighting {
  /** As the bank knows them. */
  readonly user: string
  readonly email: string | undefined
  readonly caller: string
  readonly binding: string
  readonly scopes: readonly string[]
  /** The last one first. */
  readonly chain: readonly SeenActor[]
}

/** What the customer is answered: where the order service stood, and what the ledger saw. */
export interface CheckoutAnswer {
  readonly transaction: { readonly id: string; readonly subject: string; readonly requestedBy: string }
  readonly sighting: Sighting
}

export function isCheckoutAnswer(value: unknown): value is CheckoutAnswer {
  return typeof value === 'object' && value !== null && 'transaction' in value && 'sighting' in value
}
