import type { Problem } from '../problem.ts'
import { headings } from './markdown.ts'
import type { Tree } from './tree.ts'

/** The sections of a plugin's README in their order, each with the titles it may have. */
const SECTIONS: readonly (readonly string[])[] = [
  ['What it proves', 'What it guarantees'],
  ['Options'],
  ['Selectors', 'Selectors produced', 'Keys', 'Claims'],
  ['Security'],
  ['Sample'],
]

const PLUGIN_MANIFEST = /^packages\/plugins\/[^/]+\/[^/]+\/package\.json$/

/** An operator finds the same five answers at the same place, whatever the plugin. */
export function checkPluginReadmes(tree: Tree): Problem[] {
  const rule = `a plugin's README has, in this order: ${SECTIONS.map((titles) => titles.join(' or ')).join(', ')}`
  return tree.paths
    .filter((path) => PLUGIN_MANIFEST.test(path))
    .flatMap((manifest) => {
      const file = manifest.replace(/package\.json$/, 'README.md')
      if (!tree.has(file)) return [{ file, message: 'is missing', rule }]
      const titles = headings(tree.read(file))
        .filter(({ level }) => level === 2)
        .map(({ title }) => title)
      const found = SECTIONS.map((accepted) => titles.findIndex((title) => accepted.includes(title)))
      const missing = SECTIONS.filter((_, index) => found[index] === -1).map(([title]) => title)
      if (missing.length > 0) return [{ file, message: `has no section "${missing.join('", "')}"`, rule }]
      const ordered = found.every((position, index) => index === 0 || position > (found[index - 1] ?? 0))
      return ordered ? [] : [{ file, message: 'has its sections in another order', rule }]
    })
}
