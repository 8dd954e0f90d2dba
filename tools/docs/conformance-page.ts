import type { Problem } from '../problem.ts'
import { samePage, tableCell } from './markdown.ts'
import type { Tree } from './tree.ts'

export const CONFORMANCE_PAGE = 'docs/conformance/workload-api.md'
const RESULTS = /^docs\/conformance\/results\/([\w.-]+)\.json$/
const BEGIN = '<!-- made from the checks and results by node tools/check-docs.ts --write -->'
const END = '<!-- end -->'

/** The suite's checks, as far as the page tells of them. */
export interface ConformanceGroup {
  readonly title: string
  readonly checks: readonly {
    readonly id: string
    readonly level: string
    readonly title: string
    readonly section: string
  }[]
}

interface Result {
  readonly id: string
  readonly outcome: string
  readonly reason?: string
  readonly expected?: string
  readonly seen?: string
}

/** One report of `countersign conformance workload-api --output json`, under the name of what was tested. */
interface Implementation {
  readonly name: string
  readonly results: ReadonlyMap<string, Result>
}

/** Fills the part of the page between its two marks; the words around it are written by hand. */
export function formatConformancePage(tree: Tree, groups: readonly ConformanceGroup[]): string {
  const page = tree.has(CONFORMANCE_PAGE) ? tree.read(CONFORMANCE_PAGE) : `${BEGIN}\n${END}\n`
  const [before, rest = ''] = page.split(BEGIN)
  const after = rest.slice(rest.indexOf(END))
  const implementations = readImplementations(tree)
  const parts = [formatTotals(implementations), ...groups.map((group) => formatGroup(group, implementations))]
  return `${before}${BEGIN}\n\n${[...parts, formatRemarks(implementations)].join('\n\n')}\n\n${after}`
}

export function checkConformancePage(tree: Tree, groups: readonly ConformanceGroup[]): Problem[] {
  const text = tree.has(CONFORMANCE_PAGE) ? tree.read(CONFORMANCE_PAGE) : ''
  const rule = 'the list of checks is made from the checks; run with --write'
  const problem = (message: string): Problem => ({ file: CONFORMANCE_PAGE, message, rule })
  const ids = new Set(groups.flatMap(({ checks }) => checks.map(({ id }) => id)))
  const unknown = readImplementations(tree).flatMap(({ name, results }) =>
    [...results.keys()]
      .filter((id) => !ids.has(id))
      .map((id) => problem(`results of ${name} name a check ${id} that is not there`)),
  )
  return samePage(formatConformancePage(tree, groups), text)
    ? unknown
    : [problem('does not match the checks'), ...unknown]
}

function readImplementations(tree: Tree): readonly Implementation[] {
  return tree.paths.flatMap((path) => {
    const name = RESULTS.exec(path)?.[1]
    if (name === undefined) return []
    const { checks } = JSON.parse(tree.read(path)) as { checks: readonly Result[] }
    return [{ name, results: new Map(checks.map((check) => [check.id, check])) }]
  })
}

function formatTotals(implementations: readonly Implementation[]): string {
  const rows = implementations.map(({ name, results }) => {
    const count = (outcome: string) => [...results.values()].filter((result) => result.outcome === outcome).length
    return [name, ...['pass', 'fail', 'warn', 'skip'].map((outcome) => String(count(outcome)))]
  })
  return `### Totals\n\n${table(['Server', 'pass', 'fail', 'warn', 'skip'], rows)}`
}

function formatGroup({ title, checks }: ConformanceGroup, implementations: readonly Implementation[]): string {
  const rows = checks.map((check) => [
    `\`${check.id}\``,
    check.level,
    check.title,
    check.section,
    ...implementations.map(({ results }) => results.get(check.id)?.outcome ?? '–'),
  ])
  const head = ['Check', 'Level', 'A good server', 'See', ...implementations.map(({ name }) => name)]
  return `### ${title}\n\n${table(head, rows)}`
}

function formatRemarks(implementations: readonly Implementation[]): string {
  const lists = implementations.map(({ name, results }) => {
    const lines = [...results.values()]
      .filter(({ outcome }) => outcome !== 'pass')
      .map(({ id, outcome, reason, expected, seen }) =>
        `- \`${id}\` ${outcome}: ${reason ?? `expected ${expected}; seen: ${seen}`}`.replace(/\n/g, ' '),
      )
    return `#### ${name}\n\n${lines.join('\n') || 'Every check passed.'}`
  })
  return `### What did not pass, and why\n\n${lists.join('\n\n')}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.map(tableCell).join(' | ')} |`).join('\n')
}
