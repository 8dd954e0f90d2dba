// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax this is about
/** Replaces `${NAME}` in a parsed configuration by environment variables, after parsing so that a value never becomes structure. */
import { ConfigError } from './config-error.ts'
import { indexPath, keyPath, quotePath } from './key-path.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const REFERENCE = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g

/** Deeper configurations exist only to exhaust the stack. */
const MAX_DEPTH = 64

/**
 * Interpolates every string in a parsed configuration. Keys stay as they are.
 *
 * - `${NAME}` is the variable; `${NAME:-text}` falls back to `text` when the variable is unset or empty.
 * - `$$` is one dollar sign. Any other dollar sign stands for itself.
 *
 * @throws ConfigError `ERR_CONFIG_VARIABLE` naming the path and the variable when one is unset, or a `${` is not closed
 * @throws ConfigError `ERR_CONFIG_SYNTAX` when the configuration is nested too deeply
 */
export function interpolate(value: unknown, env: Environment): unknown {
  return visit(value, env, '', 0)
}

function visit(value: unknown, env: Environment, path: string, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new ConfigError('ERR_CONFIG_SYNTAX', `configuration is nested deeper than ${MAX_DEPTH}`)
  if (typeof value === 'string') return interpolateText(value, env, path)
  if (Array.isArray(value)) return value.map((item, index) => visit(item, env, indexPath(path, index), depth + 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, visit(member, env, keyPath(path, key), depth + 1)]),
  )
}

function interpolateText(text: string, env: Environment, path: string): string {
  return text.replace(REFERENCE, (reference: string, name: string | undefined, fallback: string | undefined) => {
    if (reference === '$$') return '$'
    if (name === undefined) {
      throw new ConfigError(
        'ERR_CONFIG_VARIABLE',
        `${quotePath(path)} holds a "\${" that is not "\${NAME}" or "\${NAME:-default}"`,
      )
    }
    const set = Object.hasOwn(env, name) ? env[name] : undefined
    if (fallback !== undefined) return set === undefined || set === '' ? fallback : set
    if (set === undefined) {
      throw new ConfigError(
        'ERR_CONFIG_VARIABLE',
        `${quotePath(path)} needs environment variable "${name}", which is not set`,
      )
    }
    return set
  })
}
