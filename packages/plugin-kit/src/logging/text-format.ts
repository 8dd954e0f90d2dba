/** Writes one JSON log line as one line for people: time, level, message, then the fields as `key=value`. */

const COLOURS: Readonly<Record<string, number>> = { debug: 36, info: 32, warn: 33, error: 31 }

/** Characters that would end the line or steer a terminal: C0, delete, C1, line separators, bidirectional overrides. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
const BARE_VALUE = /^[^\s"=\\]+$/

export interface TextFormatOptions {
  readonly colour?: boolean
}

/** @param line one JSON object as the logger writes it, with `time` (ISO 8601), `level`, `msg` and any other fields */
export function formatLogLine(line: string, options: TextFormatOptions = {}): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const name = String(level).toUpperCase().padEnd(5)
  const colour = options.colour === true ? COLOURS[String(level)] : undefined
  const head = `${String(time)} ${colour === undefined ? name : `\u001b[${colour}m${name}\u001b[0m`} ${escapeControls(String(msg))}`
  const pairs = Object.entries(fields).map(([key, value]) => ` ${escapeControls(key)}=${formatValue(value)}`)
  return `${head}${pairs.join('')}\n`
}

function formatValue(value: unknown): string {
  if (typeof value !== 'string') return escapeControls(JSON.stringify(value))
  return BARE_VALUE.test(value) ? escapeControls(value) : escapeControls(JSON.stringify(value))
}

function escapeControls(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
