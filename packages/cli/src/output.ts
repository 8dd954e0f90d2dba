import type { CommandContext, TextStream } from './command-context.ts'
import type { Environment } from './environment.ts'
import { printable } from './terminal/printable.ts'
import { type Cell, formatFields, formatTable } from './terminal/table.ts'

export type OutputFormat = 'text' | 'json'

/** Where a verb's result goes. A verb gives both forms at once; the reader's choice picks one. */
export interface Output {
  readonly format: OutputFormat
  /** The whole result: `text` runs only for the text form. JSON is the API's own shape, never a summary. */
  result(value: unknown, text: (page: Page) => void): void
}

/** The text form. Every method makes what it is given safe for a terminal. */
export interface Page {
  /** One line, or several separated by line feeds. */
  line(text?: string): void
  table(head: readonly string[], rows: readonly (readonly Cell[])[]): void
  fields(fields: readonly (readonly [name: string, value: Cell])[]): void
}

export function openOutput(context: CommandContext, options: { readonly output: OutputFormat }): Output {
  const { stdout, env } = context
  return {
    format: options.output,
    result(value, text) {
      if (options.output === 'json') stdout.write(`${JSON.stringify(value, null, 2)}\n`)
      else text(createPage(stdout, allowsStyle(stdout, env)))
    },
  }
}

/** @see https://no-color.org: any non-empty value of NO_COLOR switches styling off */
function allowsStyle(stream: TextStream, env: Environment): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
}

function createPage(stream: TextStream, styled: boolean): Page {
  return {
    line: (text = '') => {
      stream.write(`${text.split('\n').map(printable).join('\n')}\n`)
    },
    table: (head, rows) => {
      stream.write(`${formatTable(head, rows, styled)}\n`)
    },
    fields: (fields) => {
      stream.write(`${formatFields(fields)}\n`)
    },
  }
}
