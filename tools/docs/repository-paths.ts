import type { Problem } from '../problem.ts'
import { codeSpans, readMarkdown } from './markdown.ts'
import type { Tree } from './tree.ts'

const REQUIRED = ['CHANGELOG.md', 'SPEC-MAP.md', 'ARCHITECTURE.md']
const MAPS = ['ARCHITECTURE.md', 'SPEC-MAP.md']

/** The pages that say where things are exist, and every path they name does too. */
export function checkRepositoryPaths(tree: Tree): Problem[] {
  const missing = REQUIRED.filter((file) => !tree.has(file)).map((file) => ({
    file,
    message: 'is missing',
    rule: 'the repository says what is where, why, and what changed',
  }))
  return [...missing, ...MAPS.filter((file) => tree.has(file)).flatMap((file) => checkPage(tree, file))]
}

function checkPage(tree: Tree, file: string): Problem[] {
  const folders = new Set(tree.paths.filter((path) => path.includes('/')).map((path) => path.split('/')[0]))
  return readMarkdown(tree.read(file)).flatMap(({ number: line, text, fence }) =>
    codeSpans(fence === undefined ? text : '')
      .map((span) => span.replace(/(?:#|:)\S*$/, ''))
      .filter((span) => looksLikePath(span, folders) && !pathExists(tree, span))
      .map((path) => ({ file, line, message: `no ${path}`, rule: 'paths on this page exist' })),
  )
}

/** Something below a folder of the repository, or a page at its root. */
function looksLikePath(span: string, folders: ReadonlySet<string | undefined>): boolean {
  if (/^[A-Z][A-Z-]*\.md$/.test(span)) return true
  if (!/^[\w.@<>*/-]+$/.test(span) || !span.includes('/')) return false
  const [first = ''] = span.split('/')
  return folders.has(first) || ['packages', 'apps', 'docs', 'tools', 'examples'].includes(first)
}

/** `<name>` and `*` stand for one part of a path, `**` for any number. */
function pathExists(tree: Tree, path: string): boolean {
  if (!/[<*]/.test(path)) return tree.has(path)
  const pattern = path
    .replace(/\/+$/, '')
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*|<[^>]*>|\*/g, (placeholder) => (placeholder === '**' ? '.*' : '[^/]+'))
  const matcher = new RegExp(`^${pattern}(?:/|$)`)
  return tree.paths.some((each) => matcher.test(each))
}
