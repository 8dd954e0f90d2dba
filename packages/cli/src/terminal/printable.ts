/**
 * Control characters, line separators and bidirectional overrides. Tokens, names and server answers may hold any of
 * them; on a terminal they could hide, reorder or execute.
 */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** The text with every character that a terminal acts on written as `\u{hex}`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}
