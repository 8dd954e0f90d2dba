/** Where in a configuration something stands, written the way an operator would: `nodeAttestors[0].name`. */

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/
const MAX_KEY_LENGTH = 64

/** `machine` + `port` is `machine.port`; keys that are not plain words are quoted. An empty path is the whole document. */
export function keyPath(parent: string, key: string): string {
  if (PLAIN_KEY.test(key) && key.length <= MAX_KEY_LENGTH) return parent === '' ? key : `${parent}.${key}`
  const shown = key.length > MAX_KEY_LENGTH ? `${key.slice(0, MAX_KEY_LENGTH)}…` : key
  return `${parent}[${JSON.stringify(shown)}]`
}

/** `nodeAttestors` + 0 is `nodeAttestors[0]`. */
export function indexPath(parent: string, index: number): string {
  return `${parent}[${index}]`
}

/** A path in a message: `"machine.port"`, or words for the document itself. */
export function quotePath(path: string): string {
  return path === '' ? 'the configuration' : `"${path}"`
}
