/** A line of Markdown outside or inside a fenced block of code. */
export interface MarkdownLine {
  /** From 1. */
  readonly number: number
  readonly text: string
  /** The language of the block the line is in, `''` when it names none; `undefined` for prose. */
  readonly fence: string | undefined
}

const FENCE = /^\s*(```+|~~~+)\s*([\w-]*)/

export function readMarkdown(text: string): readonly MarkdownLine[] {
  const lines: MarkdownLine[] = []
  let open: { readonly mark: string; readonly language: string } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const [, mark, language = ''] = FENCE.exec(line) ?? []
    if (open === undefined && mark !== undefined) open = { mark, language }
    else if (open !== undefined && mark?.startsWith(open.mark) && language === '') open = undefined
    else lines.push({ number: index + 1, text: line, fence: open?.language })
  }
  return lines
}

/** What stands between backticks in a line of prose. */
export function codeSpans(line: string): readonly string[] {
  return [...line.matchAll(/(`+)(.+?)\1(?!`)/g)].map((match) => (match[2] ?? '').trim())
}

export function withoutCodeSpans(line: string): string {
  return line.replace(/(`+)(.+?)\1(?!`)/g, '')
}

/** The text of each heading, in order. */
export function headings(text: string): readonly { readonly level: number; readonly title: string }[] {
  return readMarkdown(text).flatMap(({ text: line, fence }) => {
    const match = fence === undefined ? /^(#{1,6})\s+(.+?)\s*#*$/.exec(line) : null
    return match?.[1] === undefined || match[2] === undefined ? [] : [{ level: match[1].length, title: match[2] }]
  })
}

/** The name by which a link finds a heading, as GitHub makes it. */
export function anchorOf(title: string): string {
  return title
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
}

/** A cell of a table: a bar or a line break would end it. */
export function tableCell(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(/\|/g, '\\|')
}

/** The cells of a table's row, or `undefined` for any other line. */
export function tableCells(line: string): readonly string[] | undefined {
  if (!/^\|.*\|\s*$/.test(line)) return undefined
  const cells = line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
  return cells.map((cell) => cell.trim().replace(/\\\|/g, '|'))
}

/** Whether two pages differ in more than the padding of their tables, which formatters change as they like. */
export function samePage(a: string, b: string): boolean {
  return unpadded(a) === unpadded(b)
}

function unpadded(page: string): string {
  const lines = page.split('\n').map(
    (line) =>
      tableCells(line)
        ?.map((cell) => cell.replace(/^-+$/, '---'))
        .join(' | ') ?? line,
  )
  return lines.join('\n')
}
