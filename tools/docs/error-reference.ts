import type { Problem } from '../problem.ts'
import type { ErrorArea } from './error-codes.ts'
import { samePage, tableCell, tableCells } from './markdown.ts'

export const ERROR_REFERENCE = 'docs/reference/errors.md'

/** What a person wrote about a code. */
interface Explanation {
  readonly meaning: string
  readonly whatToDo: string
}

const INTRODUCTION = `# Error codes

Every error of this system carries a code. A code is part of the API: it is never given another meaning, and renaming one
is a breaking change. \`message\` is safe to show to anyone; \`detail\` is for the operator's log. Neither ever holds a token,
a key or evidence. HTTP answers carry the code in the member \`code\` of an RFC 9457 problem document.

A class that extends \`AuthenticityError\` says "this is not authentic"; \`PolicyError\` says "this is authentic, but not
allowed". Everything else says that something could not be done.

The sections and rows follow the source: \`node tools/check-docs.ts --write\` adds the rows that are missing and removes
those whose code is gone. The words are written by hand.
`

/** Holds the page against the source, in both directions. */
export function checkErrorReference(page: string, areas: readonly ErrorArea[]): Problem[] {
  const written = readExplanations(page)
  const known = new Set(areas.flatMap(({ codes }) => codes))
  const problem = (message: string, rule: string): Problem => ({ file: ERROR_REFERENCE, message, rule })
  const problems: Problem[] = []
  for (const code of known) {
    const explanation = written.get(code)
    if (explanation === undefined) {
      problems.push(problem(`${code} is missing`, 'every error code is explained; --write adds the row'))
    } else if (explanation.meaning === '' || explanation.whatToDo === '') {
      problems.push(problem(`${code} is not explained`, 'every error code has a meaning and what to do about it'))
    }
  }
  for (const code of written.keys()) {
    if (!known.has(code)) problems.push(problem(`${code} is not in the source`, 'no explained code is gone'))
  }
  if (problems.length === 0 && !samePage(formatErrorReference(page, areas), page)) {
    problems.push(problem('sections or rows do not follow the source', '--write puts them in order'))
  }
  return problems
}

/** The page with a row for each code, in the order of the source, keeping what was written about those that exist. */
export function formatErrorReference(page: string, areas: readonly ErrorArea[]): string {
  const written = readExplanations(page)
  const sections = [...areas].sort(bySection).map((area) => {
    const rows = area.codes.map((code) => {
      const { meaning, whatToDo } = written.get(code) ?? { meaning: '', whatToDo: '' }
      return `| \`${code}\` | ${tableCell(meaning)} | ${tableCell(whatToDo)} |`
    })
    return `${headingOf(area)}\n\nExtends \`${area.baseName}\`.\n\n| Code | Meaning | What to do |\n| --- | --- | --- |\n${rows.join('\n')}\n`
  })
  return [INTRODUCTION, ...sections].join('\n')
}

function headingOf({ className, packageName }: ErrorArea): string {
  return `## \`${className}\` of \`${packageName}\``
}

function bySection(a: ErrorArea, b: ErrorArea): number {
  return a.packageName.localeCompare(b.packageName, 'en') || a.className.localeCompare(b.className, 'en')
}

function readExplanations(page: string): ReadonlyMap<string, Explanation> {
  const explanations = new Map<string, Explanation>()
  for (const line of page.split('\n')) {
    const [name = '', meaning = '', whatToDo = ''] = tableCells(line) ?? []
    const code = /^`(ERR_[A-Z0-9_]+)`$/.exec(name)?.[1]
    if (code !== undefined) explanations.set(code, { meaning, whatToDo })
  }
  return explanations
}
