import type { Problem } from '../problem.ts'
import { samePage, tableCell } from './markdown.ts'

/** The part of JSON Schema that configuration files are described with. */
export interface ConfigSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly anyOf?: readonly ConfigSchema[]
  readonly enum?: readonly unknown[]
  readonly items?: ConfigSchema
  readonly properties?: Readonly<Record<string, ConfigSchema>>
  readonly required?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}

export interface ConfigPage {
  /** Where the page is. */
  readonly file: string
  /** The program that is configured: `server`. */
  readonly program: string
  readonly schema: ConfigSchema
}

export function formatConfigReference({ program, schema }: ConfigPage): string {
  const rows = rowsOf(schema, '').map((cells) => `| ${cells.map(tableCell).join(' | ')} |`)
  return `# Configuration of the ${program}

\`countersign ${program} run --config ${program}.yaml\` reads one YAML file, \`countersign ${program} validate\` checks it
without starting anything. A key that is not listed here is refused. \`\${NAME}\` is replaced by an environment variable,
\`\${NAME:-default}\` by its value or a default. Relative paths start at the folder of the file.

Made from the schema that checks the file, by \`node tools/check-docs.ts --write\`.

| Key | Type | Default | Meaning |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}

/** A page that was not made from today's schema. */
export function checkConfigReference(page: ConfigPage, text: string): Problem[] {
  const problem = (message: string, rule: string) => [{ file: page.file, message, rule }]
  const silent = rowsOf(page.schema, '').filter(([, , , meaning]) => meaning === '')
  if (silent.length > 0) {
    const keys = silent.map(([key]) => key).join(', ')
    return problem(`no description in the schema: ${keys}`, 'every configuration key says what it is for')
  }
  if (samePage(formatConfigReference(page), text)) return []
  return problem('does not match the schema', 'the configuration reference is made from the schema; run with --write')
}

type Row = readonly [key: string, type: string, defaultValue: string, meaning: string]

function rowsOf(schema: ConfigSchema, prefix: string): readonly Row[] {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const key = `${prefix}${name}`
    const inner =
      property.items?.properties === undefined ? rowsOf(property, `${key}.`) : rowsOf(property.items, `${key}[].`)
    const isOnlyAGroup = inner.length > 0 && property.description === undefined && property.items === undefined
    if (isOnlyAGroup) return inner
    const row: Row = [
      `\`${key}\``,
      typeOf(property),
      defaultOf(property, required.has(name)),
      property.description ?? '',
    ]
    return [row, ...inner]
  })
}

function typeOf(schema: ConfigSchema): string {
  const choices = schema.enum ?? schema.anyOf?.map((each) => each.const)
  if (choices !== undefined) return choices.map((choice) => `\`${choice}\``).join(', ')
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}s`
  if (schema.type === 'integer') return `integer${rangeOf(schema)}`
  return schema.type ?? 'any'
}

function rangeOf({ minimum, maximum }: ConfigSchema): string {
  if (minimum === undefined && maximum === undefined) return ''
  return ` ${minimum ?? '…'} to ${maximum ?? '…'}`
}

function defaultOf({ default: value }: ConfigSchema, isRequired: boolean): string {
  if (value !== undefined) return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
  return isRequired ? 'required' : 'none'
}
