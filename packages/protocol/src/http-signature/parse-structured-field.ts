import { decodeBase64 } from '../encoding/base64.ts'
import type { Codec } from '../encoding/codec.ts'
import { EncodingError } from '../encoding/encoding-error.ts'
import { SignatureError } from './signature-error.ts'
import type { BareItem, Dictionary, InnerList, Item, Member, Parameters } from './structured-field.ts'

/** Longest field read, in characters: room for several RSA-4096 signatures. */
export const MAX_STRUCTURED_FIELD_LENGTH = 16_384

/** Members of a dictionary or list, items of an inner list, parameters of one item. */
const MAX_MEMBERS = 64

const TOKEN = /[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y
const NUMBER = /(-?[0-9]{1,15})(?:\.([0-9]{1,3}))?(?![0-9.])/y
const BOOLEAN = /\?([01])/y
const MAX_INTEGER_PART_OF_DECIMAL = 12

/** Character codes. */
const TAB = 0x09
const SPACE = 0x20
const QUOTE = 0x22
const OPEN = 0x28
const CLOSE = 0x29
const COMMA = 0x2c
const COLON = 0x3a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUESTION_MARK = 0x3f
const BACKSLASH = 0x5c
const DELETE = 0x7f

/** Which ASCII characters a key may begin with, and go on with. */
const KEY_START = characterTable(/[a-z*]/)
const KEY_PART = characterTable(/[a-z0-9_.*-]/)

/** What makes reading faster, and changes nothing of what is read. */
export interface ReadingAids {
  /** The runtime's own codec. */
  readonly codec: Codec
  /** Items of an inner list that was read before, by its text from parenthesis to parenthesis. */
  knownItems(listSource: string): readonly Item[] | undefined
}

/**
 * Reads a dictionary, strictly: what RFC 8941 lets a later key overwrite is refused, since two readers could take two
 * different members. Nothing is looked at twice, and patterns are sticky and free of alternatives that overlap, so time
 * grows with the length only.
 *
 * @param text the field's values, joined by ", "
 * @param field name for messages
 * @throws SignatureError `ERR_SIGNATURE_MALFORMED`, `ERR_SIGNATURE_TOO_LARGE`
 * @see RFC 8941 section 4.2.2
 */
export function parseDictionary(text: string, field: string, aids?: ReadingAids): Dictionary {
  return new Reader(text, field, aids).dictionary()
}

/**
 * Reads a list, as strictly.
 *
 * @throws SignatureError `ERR_SIGNATURE_MALFORMED`, `ERR_SIGNATURE_TOO_LARGE`
 * @see RFC 8941 section 4.2.1
 */
export function parseList(text: string, field: string): readonly Member[] {
  return new Reader(text, field).list()
}

/**
 * Reads one item, as strictly.
 *
 * @throws SignatureError `ERR_SIGNATURE_MALFORMED`, `ERR_SIGNATURE_TOO_LARGE`
 * @see RFC 8941 section 4.2.3
 */
export function parseItem(text: string, field: string): Item {
  return new Reader(text, field).onlyItem()
}

class Reader {
  readonly #text: string
  readonly #field: string
  readonly #aids: ReadingAids | undefined
  #position = 0

  constructor(text: string, field: string, aids?: ReadingAids) {
    this.#text = text
    this.#field = field
    this.#aids = aids
    if (text.length > MAX_STRUCTURED_FIELD_LENGTH) throw this.#tooLarge()
  }

  dictionary(): Dictionary {
    const members = new Map<string, Member>()
    this.#separated(() => {
      const key = this.#key()
      if (members.has(key)) throw this.#malformed()
      members.set(key, this.#takes(EQUALS) ? this.#member() : this.#trueMember())
    })
    return members
  }

  list(): readonly Member[] {
    const members: Member[] = []
    this.#separated(() => members.push(this.#member()))
    return members
  }

  onlyItem(): Item {
    this.#skipSpaces()
    const item = this.#item()
    this.#skipSpaces()
    if (!this.#atEnd()) throw this.#malformed()
    return item
  }

  /** Members with commas between them, and none after the last. */
  #separated(readMember: () => void): void {
    this.#skipSpaces()
    for (let count = 1; !this.#atEnd(); count++) {
      readMember()
      if (count > MAX_MEMBERS) throw this.#tooLarge()
      this.#skipWhiteSpace()
      if (this.#atEnd()) break
      this.#expect(COMMA)
      this.#skipWhiteSpace()
      if (this.#atEnd()) throw this.#malformed()
    }
  }

  #member(): Member {
    return this.#peek() === OPEN ? this.#innerList() : this.#item()
  }

  #trueMember(): Item {
    const start = this.#position
    const parameters = this.#parameters()
    return { kind: 'item', bare: TRUE, parameters, source: this.#text.slice(start, this.#position) }
  }

  #innerList(): InnerList {
    const start = this.#position
    const items = this.#knownItems() ?? this.#items()
    const listSource = this.#text.slice(start, this.#position)
    const parameters = this.#parameters()
    return { kind: 'inner-list', items, parameters, source: this.#text.slice(start, this.#position), listSource }
  }

  /** A parenthesis inside a string ends the text too early: then it is no list's text, and not known. */
  #knownItems(): readonly Item[] | undefined {
    if (this.#aids === undefined) return undefined
    const end = this.#text.indexOf(')', this.#position) + 1
    const items = this.#aids.knownItems(this.#text.slice(this.#position, end))
    if (items !== undefined) this.#position = end
    return items
  }

  #items(): readonly Item[] {
    const items: Item[] = []
    this.#expect(OPEN)
    this.#skipSpaces()
    while (!this.#takes(CLOSE)) {
      // Two items need a space between them.
      if (items.length > 0 && this.#text.charCodeAt(this.#position - 1) !== SPACE) throw this.#malformed()
      items.push(this.#item())
      if (items.length > MAX_MEMBERS) throw this.#tooLarge()
      this.#skipSpaces()
    }
    return items
  }

  #item(): Item {
    const start = this.#position
    const bare = this.#bareItem()
    const parameters = this.#parameters()
    return { kind: 'item', bare, parameters, source: this.#text.slice(start, this.#position) }
  }

  #parameters(): Parameters {
    if (this.#peek() !== SEMICOLON) return NO_PARAMETERS
    const parameters = new Map<string, BareItem>()
    while (this.#takes(SEMICOLON)) {
      this.#skipSpaces()
      const key = this.#key()
      if (parameters.has(key)) throw this.#malformed()
      parameters.set(key, this.#takes(EQUALS) ? this.#bareItem() : TRUE)
      if (parameters.size > MAX_MEMBERS) throw this.#tooLarge()
    }
    return parameters
  }

  #bareItem(): BareItem {
    const first = this.#peek()
    if (first === QUOTE) return { type: 'string', value: this.#string() }
    if (first === COLON) return { type: 'bytes', value: this.#bytes() }
    if (first === QUESTION_MARK) return { type: 'boolean', value: this.#take(BOOLEAN)[1] === '1' }
    // A digit, or "-".
    if ((first >= 0x30 && first <= 0x39) || first === 0x2d) return this.#number()
    return { type: 'token', value: this.#take(TOKEN)[0] }
  }

  #string(): string {
    const start = this.#position + 1
    let end = start
    let escaped = false
    for (let code = this.#text.charCodeAt(end); code !== QUOTE; code = this.#text.charCodeAt(end)) {
      // Past the end the code is NaN, which is no visible character either.
      if (!(code >= SPACE && code < DELETE)) throw this.#malformed()
      end++
      if (code !== BACKSLASH) continue
      const next = this.#text.charCodeAt(end)
      if (next !== QUOTE && next !== BACKSLASH) throw this.#malformed()
      end++
      escaped = true
    }
    this.#position = end + 1
    const text = this.#text.slice(start, end)
    return escaped ? text.replace(/\\(["\\])/g, '$1') : text
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
    const start = this.#position + 1
    const end = this.#text.indexOf(':', start)
    if (end === -1) throw this.#malformed()
    const text = this.#text.slice(start, end)
    this.#position = end + 1
    try {
      return this.#aids === undefined ? decodeBase64(text) : this.#aids.codec.decodeBase64(text)
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

  #key(): string {
    const start = this.#position
    if (KEY_START[this.#peek()] !== 1) throw this.#malformed()
    do this.#position++
    while (KEY_PART[this.#peek()] === 1)
    return this.#text.slice(start, this.#position)
  }

  #skipSpaces(): void {
    while (this.#peek() === SPACE) this.#position++
  }

  #skipWhiteSpace(): void {
    for (let code = this.#peek(); code === SPACE || code === TAB; code = this.#peek()) this.#position++
  }

  /** NaN at the end. */
  #peek(): number {
    return this.#text.charCodeAt(this.#position)
  }

  #takes(code: number): boolean {
    if (this.#peek() !== code) return false
    this.#position++
    return true
  }

  #expect(code: number): void {
    if (!this.#takes(code)) throw this.#malformed()
  }

  #atEnd(): boolean {
    return this.#position >= this.#text.length
  }

  #malformed(): SignatureError {
    return new SignatureError('ERR_SIGNATURE_MALFORMED', `field "${this.#field}" is not well-formed`, {
      detail: `at character ${this.#position}`,
    })
  }

  #tooLarge(): SignatureError {
    return new SignatureError('ERR_SIGNATURE_TOO_LARGE', `field "${this.#field}" is larger than allowed`)
  }
}

const TRUE: BareItem = { type: 'boolean', value: true }
const NO_PARAMETERS: Parameters = new Map()

function characterTable(pattern: RegExp): Uint8Array {
  return Uint8Array.from({ length: 128 }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0))
}
