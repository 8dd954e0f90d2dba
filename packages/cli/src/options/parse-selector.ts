import type { Selector } from '@countersign/api'
import { InvalidArgumentError } from 'commander'

/** `type:value`, split at the first colon: `unix:uid:1000`. Collects repeated options. */
export function collectSelector(text: string, previous: readonly Selector[] = []): readonly Selector[] {
  const colon = text.indexOf(':')
  if (colon <= 0 || colon === text.length - 1) {
    throw new InvalidArgumentError('Expected TYPE:VALUE, as in unix:uid:1000.')
  }
  return [...previous, { type: text.slice(0, colon), value: text.slice(colon + 1) }]
}

export function selectorText(selector: Selector): string {
  return `${selector.type}:${selector.value}`
}
