import type { SchemaView } from './schema-view.ts'

/** What a schema expects, in words that end "must be …": "an integer from 1 to 65535". Never quotes a given value. */
export function describeSchema(schema: SchemaView): string {
  const choices = choicesOf(schema)
  if (choices !== undefined) return choices.length === 1 ? quote(choices[0]) : `one of ${choices.map(quote).join(', ')}`
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(describeSchema))].join(' or ')
  switch (schema.type) {
    case 'integer':
      return `an integer${range(schema.minimum, schema.maximum)}`
    case 'number':
      return `a number${range(schema.minimum, schema.maximum)}`
    case 'string':
      return describeString(schema)
    case 'boolean':
      return 'true or false'
    case 'null':
      return 'null'
    case 'array':
      return `a list${count(schema.minItems, schema.maxItems, 'items')}`
    case 'object':
      return 'a mapping'
    default:
      return schema.allOf === undefined ? 'another value' : 'a mapping'
  }
}

/** What kind of value was given, without the value: it may be a secret. */
export function describeKind(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'string' ? 'text' : `a ${typeof value}`
}

/** The only values a schema allows, when it is a closed list of them. */
export function choicesOf(schema: SchemaView): readonly unknown[] | undefined {
  if (schema.const !== undefined) return [schema.const]
  if (schema.enum !== undefined) return schema.enum
  const choices = schema.anyOf?.flatMap((variant) => (variant.const === undefined ? [] : [variant.const]))
  return choices !== undefined && choices.length === schema.anyOf?.length ? choices : undefined
}

function quote(value: unknown): string {
  return JSON.stringify(value)
}

function describeString(schema: SchemaView): string {
  if (schema.pattern !== undefined) {
    return `text ${schema.description === undefined ? `matching ${String(schema.pattern)}` : `(${schema.description})`}`
  }
  return schema.minLength === 1 && schema.maxLength === undefined
    ? 'non-empty text'
    : `text${count(schema.minLength, schema.maxLength, 'characters')}`
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return ` of at least ${minimum}`
  return maximum === undefined ? '' : ` of at most ${maximum}`
}

function count(minimum: number | undefined, maximum: number | undefined, unit: string): string {
  if (minimum !== undefined && maximum !== undefined) return ` of ${minimum} to ${maximum} ${unit}`
  if (minimum !== undefined) return ` of at least ${minimum} ${unit}`
  return maximum === undefined ? '' : ` of at most ${maximum} ${unit}`
}
