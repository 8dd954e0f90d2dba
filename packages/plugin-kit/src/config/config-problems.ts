/** Finds everything that is wrong with a configuration and says it in terms of the file, not of the schema. */
import type { TSchema } from 'typebox'
import { Settings } from 'typebox/system'
import { Value } from 'typebox/value'
import type { ConfigErrorCode } from './config-error.ts'
import { choicesOf, describeKind, describeSchema } from './describe-schema.ts'
import { indexPath, keyPath, quotePath } from './key-path.ts'
import { suggestion } from './nearest-name.ts'
import { isPlainObject, itemSchema, membersOf, type SchemaView, variantsFor } from './schema-view.ts'

export interface ConfigProblem {
  readonly code: ConfigErrorCode
  readonly message: string
}

/** The validator stops at eight by default, which could cut the one error that explains the others. */
const MAX_SCHEMA_ERRORS = 256

type SchemaError = ReturnType<typeof Value.Errors>[number]

/** Keys no variant of the schema knows, wherever they are. */
export function findUnknownKeys(schema: SchemaView | true | undefined, value: unknown, path: string): ConfigProblem[] {
  if (schema === true || schema === undefined) return []
  if (Array.isArray(value)) {
    return value.flatMap((item, index) =>
      findUnknownKeys(itemSchema(schema, value, index), item, indexPath(path, index)),
    )
  }
  if (!isPlainObject(value)) return []
  const { known, others } = membersOf(schema, value)
  return Object.entries(value).flatMap(([key, member]) => {
    const memberSchema = known.get(key) ?? others
    if (memberSchema !== undefined) return findUnknownKeys(memberSchema, member, keyPath(path, key))
    const nearest = suggestion(key, known.keys(), (name) => keyPath(path, name))
    return [{ code: 'ERR_CONFIG_UNKNOWN_KEY' as const, message: `unknown key "${keyPath(path, key)}"${nearest}` }]
  })
}

/** Keys that are missing or hold what they must not. */
export function findInvalidValues(schema: TSchema, value: unknown, path: string): ConfigProblem[] {
  const errors = allErrors(schema, value)
  const unions = errors.filter((error) => error.keyword === 'anyOf')
  return errors
    .filter((error) => !unions.some((union) => error.schemaPath.startsWith(`${union.schemaPath}/anyOf/`)))
    .flatMap((error) => explain(error, schema, value, path))
}

function explain(error: SchemaError, schema: TSchema, root: unknown, rootPath: string): ConfigProblem[] {
  const expected = resolvePointer(schema, error.schemaPath.slice(1)) as SchemaView
  const value = resolvePointer(root, error.instancePath)
  const path = pathOf(error.instancePath, root, rootPath)
  switch (error.keyword) {
    case 'boolean':
    case 'additionalProperties':
      return []
    case 'required':
      return error.params.requiredProperties.map((key) =>
        invalid(`missing key "${keyPath(path, key)}", expected ${describeSchema(memberSchema(expected, key))}`),
      )
    case 'anyOf':
      return explainUnion(expected, value, path)
    case '~refine':
      return [invalid(`${quotePath(path)} ${error.params.message}`)]
    case 'type':
      return [invalid(`${quotePath(path)} must be ${describeSchema(expected)}, got ${describeKind(value)}`)]
    default:
      return [invalid(`${quotePath(path)} must be ${describeSchema(expected)}${nearestChoice(expected, value)}`)]
  }
}

/** When the value says which variant it is meant as, the variant's own problems help more than the union's. */
function explainUnion(union: SchemaView, value: unknown, path: string): ConfigProblem[] {
  const [variant, ...more] = variantsFor(union, value)
  if (variant !== undefined && more.length === 0 && isPlainObject(value)) {
    const problems = findInvalidValues(variant as TSchema, value, path)
    if (problems.length > 0) return problems
  }
  return [invalid(`${quotePath(path)} must be ${describeSchema(union)}${nearestChoice(union, value)}`)]
}

function nearestChoice(schema: SchemaView, value: unknown): string {
  const choices = choicesOf(schema)?.filter((choice) => typeof choice === 'string') ?? []
  return typeof value === 'string' ? suggestion(value, choices) : ''
}

function invalid(message: string): ConfigProblem {
  return { code: 'ERR_CONFIG_INVALID', message }
}

function memberSchema(schema: SchemaView, key: string): SchemaView {
  return schema.properties?.[key] ?? {}
}

function allErrors(schema: TSchema, value: unknown): SchemaError[] {
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: MAX_SCHEMA_ERRORS })
  try {
    return Value.Errors(schema, value)
  } finally {
    Settings.Set({ maxErrors })
  }
}

/** RFC 6901. */
function pointerTokens(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function resolvePointer(root: unknown, pointer: string): unknown {
  return pointerTokens(pointer).reduce<unknown>((value, token) => (value as Record<string, unknown>)[token], root)
}

function pathOf(pointer: string, root: unknown, rootPath: string): string {
  let path = rootPath
  let value = root
  for (const token of pointerTokens(pointer)) {
    path = Array.isArray(value) ? indexPath(path, Number(token)) : keyPath(path, token)
    value = (value as Record<string, unknown>)[token]
  }
  return path
}
