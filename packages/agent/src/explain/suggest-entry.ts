/** Guesses, for a process that no entry matches, what an entry for it would look like. People decide. */
import { posix } from 'node:path'
import type { ProcessExplanation } from '@countersign/api'
import type { Selector } from '@countersign/plugin-kit'
import { selectorsOf } from './attestor-findings.ts'

/** What tells a program from others and stays as it is; a hash changes with every release, groups with every account. */
const UNIX_PREFIXES = ['uid:', 'path:', 'script:path:', 'script:module:']
const MAX_OF_OTHER_TYPES = 3
const MAX_NAME_CHARACTERS = 64

/** Selectors for an entry that the process would match: few, and all of them its own. */
export function suggestSelectors(selectors: readonly Selector[]): Selector[] {
  const others = new Map<string, number>()
  return selectors.filter(({ type, value }) => {
    if (type === 'unix') return UNIX_PREFIXES.some((prefix) => value.startsWith(prefix))
    const taken = others.get(type) ?? 0
    others.set(type, taken + 1)
    return taken < MAX_OF_OTHER_TYPES
  })
}

/** One path segment of a SPIFFE ID, from the name of the script or program. */
export function suggestName({ attestors, process }: Pick<ProcessExplanation, 'attestors' | 'process'>): string {
  const values = selectorsOf(attestors).map(({ value }) => value)
  const script = values.find((value) => value.startsWith('script:path:'))?.slice('script:path:'.length)
  const file = posix.basename(script ?? process.program ?? '').replace(/ \(deleted\)$/, '')
  const name = (script === undefined ? file : file.replace(/\.[A-Za-z0-9]+$/, ''))
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, MAX_NAME_CHARACTERS)
  return name === '' ? 'workload' : name
}
