/** The values of RFC 8941, as far as message signatures use them. A decimal keeps its canonical text. */
export type BareItem =
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'decimal'; readonly value: string }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'token'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  | { readonly type: 'boolean'; readonly value: boolean }

export type Parameters = ReadonlyMap<string, BareItem>

export interface Item {
  readonly kind: 'item'
  readonly bare: BareItem
  readonly parameters: Parameters
  /** The text it was read from, parameters included. */
  readonly source: string
}

export interface InnerList {
  readonly kind: 'inner-list'
  readonly items: readonly Item[]
  readonly parameters: Parameters
  /** The text it was read from, parameters included: what a signature over these very parameters covers. */
  readonly source: string
  /** The part of `source` between and including the parentheses. */
  readonly listSource: string
}

export type Member = Item | InnerList
export type Dictionary = ReadonlyMap<string, Member>
