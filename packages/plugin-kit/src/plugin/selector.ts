/** One property of a process or node, as an attestor reports it. Written `type:value`, as in `unix:uid:1000`. */
export interface Selector {
  readonly type: string
  readonly value: string
}

export function formatSelector(selector: Selector): string {
  return `${selector.type}:${selector.value}`
}

/** Splits at the first colon. Returns `undefined` unless both parts are non-empty. */
export function parseSelector(text: string): Selector | undefined {
  const colon = text.indexOf(':')
  if (colon <= 0 || colon === text.length - 1) return undefined
  return { type: text.slice(0, colon), value: text.slice(colon + 1) }
}
