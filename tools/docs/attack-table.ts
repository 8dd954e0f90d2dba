import type { Problem } from '../problem.ts'
import { readMarkdown, tableCells } from './markdown.ts'
import type { Tree } from './tree.ts'

export const ATTACK_TABLE = 'docs/reference/token-service-attacks.md'
/** Where most of the tests are; the table names these without the folder. */
const FOLDER = 'packages/server/src/exchange/attacks/'

/** `file.test.ts` "title" */
const REFERENCE = /`([^`]+\.test\.ts)` "([^"]+)"/g
/** As `401 invalid_client`. */
const ANSWER = /`([45]\d\d [a-z_]+)`/g
const TITLE = /^ *it(?:\.each[\s\S]*?\]\))?\(\s*(?:'([^']+)'|"([^"]+)")/gm

/** The table of attacks names tests that there are, with the answers that they ask for; and no test there is left out. */
export function checkAttackTable(tree: Tree): Problem[] {
  if (!tree.has(ATTACK_TABLE)) return []
  const named = new Set<string>()
  const problems = readMarkdown(tree.read(ATTACK_TABLE)).flatMap(({ number: line, text }) => {
    const [, answer = '', tests = ''] = tableCells(text) ?? []
    const references = [...tests.matchAll(REFERENCE)].map(([, file = '', title = '']) => ({
      file: pathOf(file),
      title,
    }))
    for (const { file, title } of references) named.add(`${file} ${title}`)
    const sources = references.map(({ file }) => (tree.has(file) ? tree.read(file) : '')).join('\n')
    const missing = references.filter(({ file, title }) => !tree.has(file) || !tree.read(file).includes(title))
    const unasked =
      references.length === 0 ? [] : [...answer.matchAll(ANSWER)].filter(([, a = '']) => !sources.includes(a))
    return [
      ...missing.map(({ file, title }) => ({ line, message: `no test "${title}" in ${file}` })),
      ...unasked.map(([, a]) => ({ line, message: `no test of this row asks for ${a}` })),
    ]
  })
  const rule = 'each attack in the table has the test that it names'
  return [
    ...problems.map((problem) => ({ ...problem, file: ATTACK_TABLE, rule })),
    ...unnamed(tree, named).map((message) => ({
      file: ATTACK_TABLE,
      message,
      rule: 'each test of an attack is in the table',
    })),
  ]
}

function pathOf(file: string): string {
  return file.includes('/') ? file : `${FOLDER}${file}`
}

function unnamed(tree: Tree, named: ReadonlySet<string>): string[] {
  const files = tree.paths.filter((path) => path.startsWith(FOLDER) && path.endsWith('.test.ts'))
  return files.flatMap((file) =>
    [...tree.read(file).matchAll(TITLE)]
      .map(([, single, double]) => single ?? double ?? '')
      .filter((title) => !named.has(`${file} ${title}`))
      .map((title) => `does not name "${title}" of ${file}`),
  )
}
