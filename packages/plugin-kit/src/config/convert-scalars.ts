import { isPlainObject, itemSchema, membersOf, type SchemaView } from './schema-view.ts'

const WHOLE_NUMBER = /^-?(?:0|[1-9][0-9]{0,15})$/

/**
 * Copies a configuration and turns text into the number or boolean its schema asks for, so that `port: ${PORT}` works:
 * environment variables are always text. Only canonical decimal integers and `true`/`false` convert; text stays text
 * wherever the schema allows text, whatever it looks like.
 */
export function convertScalars(schema: SchemaView | true | undefined, value: unknown): unknown {
  const view = schema === true || schema === undefined ? {} : schema
  if (Array.isArray(value)) return value.map((item, index) => convertScalars(itemSchema(view, value, index), item))
  if (isPlainObject(value)) {
    const members = membersOf(view, value)
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [
        key,
        convertScalars(members.known.get(key) ?? members.others, member),
      ]),
    )
  }
  return typeof value === 'string' ? convertText(view, value) : value
}

function convertText(schema: SchemaView, text: string): unknown {
  if ((schema.type === 'integer' || schema.type === 'number') && WHOLE_NUMBER.test(text)) return Number(text)
  if (schema.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}
