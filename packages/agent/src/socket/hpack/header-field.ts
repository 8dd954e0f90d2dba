/** One field of a request. Octets are characters of the same number. */
export interface HeaderField {
  readonly name: string
  readonly value: string
}

/** What a field counts for, in a table as in a list. RFC 7541 section 4.1, RFC 9113 section 6.5.2. */
export function fieldSize({ name, value }: HeaderField): number {
  return name.length + value.length + 32
}
