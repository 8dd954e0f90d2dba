import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { ConfigError } from './config-error.ts'
import { type ConfigProblem, findInvalidValues, findUnknownKeys } from './config-problems.ts'
import { convertScalars } from './convert-scalars.ts'
import { quotePath } from './key-path.ts'
import type { SchemaView } from './schema-view.ts'

export interface ParseConfigOptions {
  /** Where `value` stands in the file, put in front of every path in a message. Default: it is the whole file. */
  readonly path?: string
}

/**
 * Parses a configuration: defaults filled in, every key known, every value of the right type, nothing changeable.
 * An object schema is closed unless it says `additionalProperties: true` or is a record.
 *
 * @param schema typebox schema; its `default` values apply
 * @param value parsed YAML or JSON, left unchanged; `undefined` counts as an empty mapping
 * @returns a deeply frozen copy
 * @throws ConfigError `ERR_CONFIG_UNKNOWN_KEY` with the key's path and the nearest known key
 * @throws ConfigError `ERR_CONFIG_INVALID` with the path of a missing or ill-typed key and what was expected
 *
 * The message tells the first problem, `detail` all of them. Neither ever quotes a value, which may be a secret.
 */
export function parseConfig<Schema extends TSchema>(
  schema: Schema,
  value: unknown,
  options: ParseConfigOptions = {},
): Static<Schema> {
  const path = options.path ?? ''
  const view = schema as SchemaView
  const config = Value.Default(schema, convertScalars(view, value === undefined ? {} : value))
  const problems = [...findUnknownKeys(view, config, path), ...findInvalidValues(schema, config, path)]
  if (problems.length > 0 || !Value.Check(schema, config)) throw toError(problems, path)
  return deepFreeze(config) as Static<Schema>
}

function toError(problems: readonly ConfigProblem[], path: string): ConfigError {
  const [first] = problems
  if (first === undefined) return new ConfigError('ERR_CONFIG_INVALID', `${quotePath(path)} is not valid`)
  return new ConfigError(first.code, first.message, { detail: problems.map((problem) => problem.message).join('; ') })
}

/** Freezes a value and everything in it. Only plain objects and arrays are expected. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
