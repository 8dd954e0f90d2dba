import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ADMIN_RULES, type AdminTarget } from './admin-rules.ts'

const GUIDE = new URL('../../../../docs/guides/administrators.md', import.meta.url)

const WORDS: Readonly<Record<AdminTarget, string>> = {
  'trust-domain': '`/`',
  anything: 'anything',
  node: 'the node',
  'new-node': 'the node to be',
  nodes: 'each',
  entries: 'each',
  'role-grants': 'each',
}

it('is what the guide for administrators says', () => {
  const rows = readFileSync(GUIDE, 'utf8').match(/^\| `[A-Z]+ \/v1\/.*$/gm)
  expect(rows).toEqual(ADMIN_RULES.map(({ route, role, over }) => `| \`${route}\` | \`${role}\` | ${WORDS[over]} |`))
})
