import { KeyManagerError } from './key-manager-error.ts'

/** Safe as a file name, a label of a hardware token and a `kid`: no separator, no leading dot, one case. */
const KEY_NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/

export function isKeyName(name: string): boolean {
  return KEY_NAME.test(name)
}

/** @throws KeyManagerError `ERR_KEY_MANAGER_NAME` unless the name matches `[a-z0-9][a-z0-9._-]{0,127}` */
export function requireKeyName(name: string): string {
  if (isKeyName(name)) return name
  throw new KeyManagerError('ERR_KEY_MANAGER_NAME', 'key name must match [a-z0-9][a-z0-9._-]{0,127}', {
    detail: JSON.stringify(name.slice(0, 128)),
  })
}
