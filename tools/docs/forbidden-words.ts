import type { Problem } from '../problem.ts'
import type { Tree } from './tree.ts'

interface Forbidden {
  readonly pattern: RegExp
  readonly what: string
  /** Only in these files. */
  readonly where?: RegExp
}

/** What belongs to the machine or the day a file was written on. The patterns do not match themselves. */
const FORBIDDEN: readonly Forbidden[] = [
  { pattern: /(?<![\w.>})…])\/wor[k]\/[\w.-]+/, what: 'a path of one machine' },
  { pattern: /(?<![\w./>-])\/(?:hom[e]|roo[t]|User[s])\/[\w.-]+\//, what: "a path of one person's folder" },
  { pattern: /(?<![\w./@-])share[d]\/[\w-]+\.md/, what: 'a note that is not in the repository' },
  { pattern: /\/tm[p]\/[\w-]+\.(?:md|txt|log)\b/, what: 'a note that is not in the repository' },
  { pattern: /(?<![\w./-])(?:desig[n]|spec[s]|styl[e]|anchor[s])\.md\b/, what: 'a note that is not in the repository' },
  { pattern: /\b[Ii]ssu[e] #?\d+\b/, what: 'a number of a tracker that the reader does not have' },
  { pattern: /"resolve[d]": "https?:/, what: 'a registry host', where: /(?:^|\/)package-lock\.json$/ },
]

/** What others published keeps its own words. */
const EXEMPT = /(?:^|\/)vectors\/|\.(?:png|ico|woff2|wasm|der|sum)$/

export function checkForbiddenWords(tree: Tree): Problem[] {
  return tree.paths
    .filter((path) => !EXEMPT.test(path))
    .flatMap((file) => {
      const lines = tree.read(file).split('\n')
      const patterns = FORBIDDEN.filter(({ where }) => where === undefined || where.test(file))
      return lines.flatMap((text, index) =>
        patterns.flatMap(({ pattern, what }) => {
          const found = pattern.exec(text)
          if (found === null) return []
          const message = `"${found[0]}" is ${what}`
          return [{ file, line: index + 1, message, rule: 'the repository stands by itself' }]
        }),
      )
    })
}
