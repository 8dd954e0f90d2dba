import { decodeBase64 } from '../encoding/base64.ts'
import { EncodingError } from '../encoding/encoding-error.ts'
import { SignatureError } from './signature-error.ts'
import type { BareItem, Dictionary, InnerList, Item, Member, Parameters } from './structured-field.ts'

/** Longest dictionary read, in characters: room for several RSA-4096 signatures. */
export const MAX_STRUCTURED_FIELD_LENGTH = 16_384

/** Members of a dictionary, items of an inner list, parameters of one item. */
const MAX_MEMBERS = 64

const KEY = /[a-z*][a-z0-9_.*-]*/y
const TOKEN = /[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y
const NUMBER = /(-?[0-9]{1,15})(?:\.([0-9]{1,3}))?(?![0-9.])/y
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y
const BYTES = /:([A-Za-z0-9+/=]*):/y
const BOOLEAN = /\?([01])/y
const SPACES = / */y
const WHITE_SPACE = /[ \t]*/y
const MAX_INTEGER_PART_OF_DECIMAL = 12

/**
 * Reads a dictionary, strictly: what RFC 8941 lets a later key overwrite is refused, since two readers could take two
 * different members. Every pattern is sticky and free of alternatives that overlap, so time grows with the length only.
 *
 * @param text the field's values, joined by ", "
 * @param field name for messages
 * @throws SignatureError `ERR_SIGNATURE_MALFORMED`, `ERR_SIGNATURE_TOO_LARGE`
 * @see RFC 8941 section 4.2.2
 */
export function parseDictionary(text: string, field: string): Dictionary {
  return new Reader(text, field).dictionary()
}

class Reader {
  readonly #text: string
  readonly #field: string
  #position = 0

  constructor(text: string, field: string) {
    this.#text = text
    this.#field = field
    if (text.length > MAX_STRUCTURED_FIELD_LENGTH) throw this.#tooLarge()
  }

  dictionary(): Dictionary {
    const members = new Map<string, Member>()
    this.#skip(SPACES)
    while (!this.#atEnd()) {
      const key = this.#take(KEY)[0]
      if (members.has(key)) throw this.#malformed()
      members.set(key, this.#takes('=') ? this.#member() : this.#trueMember())
      if (members.size > MAX_MEMBERS) throw this.#tooLarge()
      this.#skip(WHITE_SPACE)
      if (this.#atEnd()) break
      this.#expect(',')
      this.#skip(WHITE_SPACE)
      if (this.#atEnd()) throw this.#malformed()
    }
    return members
  }

  #member(): Member {
    return this.#text[this.#position] === '(' ? this.#innerList() : this.#item()
  }

  #trueMember(): Item {
    const start = this.#position
    const parameters = this.#parameters()
    return { kind: 'item', bare: TRUE, parameters, source: this.#text.slice(start, this.#position) }
  }

  #innerList(): InnerList {
    const start = this.#position
    const items: Item[] = []
    this.#expect('(')
    this.#skip(SPACES)
    while (!this.#takes(')')) {
      // Two items need a space between them.
      if (items.length > 0 && this.#text[this.#position - 1] !== ' ') throw this.#malformed()
      items.push(this.#item())
      if (items.length > MAX_MEMBERS) throw this.#tooLarge()
      this.#skip(SPACES)
    }
    const listSource = this.#text.slice(start, this.#position)
    const parameters = this.#parameters()
    return { kind: 'inner-list', items, parameters, source: this.#text.slice(start, this.#position), listSource }
  }

  #item(): Item {
    const start = this.#position
    const bare = this.#bareItem()
    const parameters = this.#parameters()
    return { kind: 'item', bare, parameters, source: this.#text.slice(start, this.#position) }
  }

  #parameters(): Parameters {
    const parameters = new Map<string, BareItem>()
    while (this.#takes(';')) {
      this.#skip(SPACES)
      const key = this.#take(KEY)[0]
      if (parameters.has(key)) throw this.#malformed()
      parameters.set(key, this.#takes('=') ? this.#bareItem() : TRUE)
      if (parameters.size > MAX_MEMBERS) throw this.#tooLarge()
    }
    return parameters
  }

  #bareItem(): BareItem {
    const first = this.#text[this.#position] ?? ''
    if (first === '"') {
      return { type: 'string', value: (this.#take(STRING)[1] as string).replace(/\\(["\\])/g, '$1') }
    }
    if (first === ':') return { type: 'bytes', value: this.#bytes() }
    if (first === '?') return { type: 'boolean', value: this.#take(BOOLEAN)[1] === '1' }
    if (first === '-' || (first >= '0' && first <= '9')) return this.#number()
    return { type: 'token', value: this.#take(TOKEN)[0] }
  }

  #number(): BareItem {
    const [, whole = '', fraction] = this.#take(NUMBER)
    if (fraction === undefined) return { type: 'integer', value: Number(whole) + 0 }
    if (whole.replace('-', '').length > MAX_INTEGER_PART_OF_DECIMAL) throw this.#malformed()
    const digits = fraction.replace(/0+$/, '')
    const sign = whole.startsWith('-') ? '-' : ''
    return { type: 'decimal', value: `${sign}${Math.abs(Number(whole))}.${digits === '' ? '0' : digits}` }
  }

  #bytes(): Uint8Array {
    const text = this.#take(BYTES)[1] as string
    try {
      return decodeBase64(text)
    } catch (error) {
      if (error instanceof EncodingError) throw this.#malformed()
      throw error
    }
  }

  #take(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#position
    const match = pattern.exec(this.#text)
    if (match === null) throw this.#malformed()
    this.#position = pattern.lastIndex
    return match
  }

  #skip(pattern: RegExp): void {
    this.#take(pattern)
  }

  #takes(character: string): boolean {
    if (this.#text[this.#position] !== character) return false
    this.#position++
    return true
  }

  #expect(character: string): void {
    if (!this.#takes(character)) throw this.#malformed()
  }

  #atEnd(): boolean {
    return this.#position >= this.#text.length
  }

  #malformed(): SignatureError {
    return new SignatureError('ERR_SIGNATURE_MALFORMED', `field "${this.#field}" is not a well-formed dictionary`, {
      detail: `at character ${this.#position}`,
    })
  }

  #tooLarge(): SignatureError {
    return new SignatureError('ERR_SIGNATURE_TOO_LARGE', `field "${this.#field}" is larger than allowed`)
  }
}

const TRUE: BareItem = { type: 'boolean', value: true }
