import Table from 'cli-table3'
import { printable } from './printable.ts'

const NO_BORDER = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((name) => [name, '']),
)

/** One cell; an array takes one line per item. */
export type Cell = string | readonly string[]

/** Columns without borders, aligned, nothing at line ends: fit for eyes and for `awk`. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[], bold: boolean): string {
  const table = new Table({
    chars: { ...NO_BORDER, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  })
  const heading = head.map((name) => name.toUpperCase())
  table.push(bold ? heading.map((name) => `\u001b[1m${name}\u001b[22m`) : heading)
  for (const row of rows) table.push(row.map(cellText))
  return trimLines(table.toString())
}

/** Names on the left, values on the right, no heading. */
export function formatFields(fields: readonly (readonly [name: string, value: Cell])[]): string {
  const width = Math.max(0, ...fields.map(([name]) => name.length))
  return fields
    .flatMap(([name, value]) => {
      const lines = cellText(value).split('\n')
      return lines.map((line, index) => `${(index === 0 ? name : '').padEnd(width)}  ${line}`.trimEnd())
    })
    .join('\n')
}

function cellText(cell: Cell): string {
  return typeof cell === 'string' ? printable(cell) : cell.map(printable).join('\n')
}

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
