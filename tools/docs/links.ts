import { posix } from 'node:path'
import type { Problem } from '../problem.ts'
import { anchorOf, headings, readMarkdown, withoutCodeSpans } from './markdown.ts'
import type { Tree } from './tree.ts'

const INLINE = /\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g
const REFERENCE = /^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*(?:"[^"]*")?$/
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:/i

/** Every relative link leads to a file of the repository, and its anchor to a heading. */
export function checkLinks(tree: Tree): Problem[] {
  return tree.paths
    .filter((path) => path.endsWith('.md'))
    .flatMap((file) =>
      readMarkdown(tree.read(file)).flatMap(({ number: line, text, fence }) => {
        if (fence !== undefined) return []
        return linksOf(text).flatMap((target) => {
          const message = brokenLink(tree, file, target)
          return message === undefined ? [] : [{ file, line, message, rule: 'relative links lead somewhere' }]
        })
      }),
    )
}

function linksOf(text: string): string[] {
  const line = withoutCodeSpans(text)
  const reference = REFERENCE.exec(line)?.[1]
  return [...[...line.matchAll(INLINE)].map((match) => match[1] ?? ''), ...(reference === undefined ? [] : [reference])]
}

function brokenLink(tree: Tree, file: string, target: string): string | undefined {
  if (ABSOLUTE.test(target) || target.startsWith('//')) return undefined
  const [path = '', anchor] = target.split('#', 2)
  const linked = path === '' ? file : posix.join(posix.dirname(file), decodeURIComponent(path))
  if (linked.startsWith('..') || target.startsWith('/')) return `link "${target}" leaves the repository`
  if (!tree.has(linked)) return `link "${target}" leads nowhere`
  if (anchor === undefined || anchor === '' || !linked.endsWith('.md')) return undefined
  const anchors = headings(tree.read(linked)).map(({ title }) => anchorOf(title))
  return anchors.includes(anchor) ? undefined : `link "${target}": no heading "#${anchor}" in ${linked}`
}
