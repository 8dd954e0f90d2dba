import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { checkDocs, generatePages } from './check-docs.ts'
import { ATTACK_TABLE, checkAttackTable } from './docs/attack-table.ts'
import { type ConfigPage, checkConfigReference, formatConfigReference } from './docs/config-reference.ts'
import { CONFORMANCE_PAGE, checkConformancePage, formatConformancePage } from './docs/conformance-page.ts'
import { readErrorCodes } from './docs/error-codes.ts'
import { checkErrorReference, ERROR_REFERENCE, formatErrorReference } from './docs/error-reference.ts'
import { checkForbiddenWords } from './docs/forbidden-words.ts'
import { checkLinks } from './docs/links.ts'
import { checkMentionedCommands } from './docs/mentioned-commands.ts'
import { checkPluginReadmes } from './docs/plugin-readmes.ts'
import { checkRepositoryPaths } from './docs/repository-paths.ts'
import { memoryTree, repositoryTree } from './docs/tree.ts'
import { formatProblem, type Problem } from './problem.ts'

type Files = Readonly<Record<string, string>>

/** File, line and message of each problem. */
function lines(problems: readonly Problem[]): string[] {
  return problems.map((problem) => formatProblem(problem).replace(/\n.*/s, ''))
}

const ERRORS: Files = {
  'packages/door/package.json': '{"name":"@countersign/door"}',
  'packages/door/src/door-error.ts': `export type DoorErrorCode =
  | 'ERR_DOOR_LOCKED'
  | 'ERR_DOOR_STUCK'
export class DoorError extends AuthenticityError<DoorErrorCode> {}`,
}
const PAGE = `| \`ERR_DOOR_LOCKED\` | it is locked | unlock it |
| \`ERR_DOOR_STUCK\` | it does not move | push \\| pull |`

describe('error codes in the source', () => {
  it('reads them with their class, base and package, however the union is laid out', () => {
    const { areas, problems } = readErrorCodes(
      memoryTree({ ...ERRORS, 'packages/door/src/a.ts': "type A = 'ERR_A_B' | 'ERR_A_C'\nclass X extends Y<A> {}" }),
    )
    const packageName = '@countersign/door'
    expect(areas).toEqual([
      { className: 'X', baseName: 'Y', packageName, file: 'packages/door/src/a.ts', codes: ['ERR_A_B', 'ERR_A_C'] },
      {
        className: 'DoorError',
        baseName: 'AuthenticityError',
        packageName,
        file: 'packages/door/src/door-error.ts',
        codes: ['ERR_DOOR_LOCKED', 'ERR_DOOR_STUCK'],
      },
    ])
    expect(problems).toEqual([])
  })

  it.each([
    ["\nthrow new Error('ERR_DOOR_GONE')", 'packages/door/src/a.ts:2: ERR_DOOR_GONE is in no union of codes'],
    [
      "type A = 'ERR_DOOR_STUCK'\nclass X extends Y<A> {}",
      'packages/door/src/door-error.ts: ERR_DOOR_STUCK is declared in packages/door/src/a.ts too',
    ],
    ["type A = 'ERR_A_B'", 'packages/door/src/a.ts: no class of this file takes A'],
  ])('refuses %j', (source, message) => {
    const tree = memoryTree({ ...ERRORS, 'packages/door/src/a.ts': source })
    expect(lines(readErrorCodes(tree).problems)).toEqual([message])
  })

  it('looks past tests, prefixes and codes of Node', () => {
    const tree = memoryTree({
      ...ERRORS,
      'packages/door/src/a.test.ts': "type A = 'ERR_A_B'",
      'packages/door/src/a.ts': "error.code === 'ERR_TLS_CERT_ALTNAME_INVALID' || error.code.startsWith('ERR_DOOR_')",
    })
    expect(readErrorCodes(tree).problems).toEqual([])
    expect(readErrorCodes(tree).areas).toHaveLength(1)
  })
})

describe('the page of error codes', () => {
  const { areas } = readErrorCodes(memoryTree(ERRORS))
  const complete = formatErrorReference(PAGE, areas)

  it('finds nothing on a page that was written from the source', () => {
    expect(checkErrorReference(complete, areas)).toEqual([])
    expect(complete).toContain('## `DoorError` of `@countersign/door`\n\nExtends `AuthenticityError`.')
  })

  it('keeps what was written when it is made again', () => {
    expect(formatErrorReference(complete, areas)).toBe(complete)
    expect(complete).toContain('| `ERR_DOOR_STUCK` | it does not move | push \\| pull |')
  })

  it('misses a code that is in the source only', () => {
    const page = complete.replace(/\| `ERR_DOOR_STUCK`.*\n/, '')
    expect(lines(checkErrorReference(page, areas))).toEqual([`${ERROR_REFERENCE}: ERR_DOOR_STUCK is missing`])
  })

  it('refuses a code that is on the page only, and drops it when made again', () => {
    const page = `${complete}| \`ERR_DOOR_OLD\` | a | b |\n`
    expect(lines(checkErrorReference(page, areas))).toEqual([`${ERROR_REFERENCE}: ERR_DOOR_OLD is not in the source`])
    expect(formatErrorReference(page, areas)).toBe(complete)
  })

  it.each([
    ['the meaning', '| `ERR_DOOR_LOCKED` |  | unlock it |'],
    ['what to do', '| `ERR_DOOR_LOCKED` | it is locked |  |'],
  ])('refuses a row without %s', (_, row) => {
    const page = complete.replace(/\| `ERR_DOOR_LOCKED`.*/, row)
    expect(lines(checkErrorReference(page, areas))).toEqual([`${ERROR_REFERENCE}: ERR_DOOR_LOCKED is not explained`])
  })

  it('refuses a row that --write added and nobody explained', () => {
    expect(lines(checkErrorReference(formatErrorReference('', areas), areas))).toEqual([
      `${ERROR_REFERENCE}: ERR_DOOR_LOCKED is not explained`,
      `${ERROR_REFERENCE}: ERR_DOOR_STUCK is not explained`,
    ])
  })

  it('refuses a page with a class of another name', () => {
    const page = complete.replace('`DoorError`', '`GateError`')
    expect(lines(checkErrorReference(page, areas))).toEqual([
      `${ERROR_REFERENCE}: sections or rows do not follow the source`,
    ])
  })
})

describe('the pages of configuration', () => {
  const page: ConfigPage = {
    file: 'docs/reference/config-door.md',
    program: 'door',
    schema: {
      properties: {
        name: { type: 'string', description: 'what it is called' },
        lock: {
          default: {},
          properties: { ttl: { type: 'integer', minimum: 1, maximum: 9, default: 5, description: 'in seconds' } },
        },
        level: { anyOf: [{ const: 'low' }, { const: 'high' }], default: 'low', description: 'how a|b' },
        keys: {
          default: [],
          description: 'who may enter',
          items: { type: 'object', properties: { id: { type: 'string', description: 'of the key' } } },
        },
      },
      required: ['name', 'lock', 'level', 'keys'],
    },
  }

  it('has one row for each key, with type, default and meaning', () => {
    expect(
      formatConfigReference(page)
        .split('\n')
        .filter((line) => line.startsWith('| `')),
    ).toEqual([
      '| `name` | string | required | what it is called |',
      '| `lock.ttl` | integer 1 to 9 | `5` | in seconds |',
      '| `level` | `low`, `high` | `low` | how a\\|b |',
      '| `keys` | list of objects | `[]` | who may enter |',
      '| `keys[].id` | string | none | of the key |',
    ])
  })

  it('accepts the page that was made from the schema, and no other', () => {
    const text = formatConfigReference(page)
    expect(checkConfigReference(page, text)).toEqual([])
    expect(lines(checkConfigReference(page, text.replace('`5`', '`6`')))).toEqual([
      'docs/reference/config-door.md: does not match the schema',
    ])
  })

  it('does not mind how a formatter pads the table', () => {
    const padded = formatConfigReference(page)
      .replace('| --- | --- | --- | --- |', '| ------ | ---- | --- | --- |')
      .replace('| `5` | in seconds |', '| `5`    | in seconds        |')
    expect(padded).not.toBe(formatConfigReference(page))
    expect(checkConfigReference(page, padded)).toEqual([])
  })

  it('refuses a key that does not say what it is for', () => {
    const silent = { ...page, schema: { properties: { a: { type: 'string' } } } }
    expect(lines(checkConfigReference(silent, formatConfigReference(silent)))).toEqual([
      'docs/reference/config-door.md: no description in the schema: `a`',
    ])
  })
})

describe('mentioned commands', () => {
  const base: Files = {
    'package.json': '{"scripts":{"build":"","test":"","test:interop":""}}',
    'packages/cli/src/commands/entry-create.ts': 'export function addEntryCreate() {}',
    'packages/cli/src/commands/entry-list.ts': 'export function addEntryList() {}',
    'packages/cli/src/commands/entry-page.ts': 'export function printEntry() {}',
    'packages/cli/src/commands/verify.ts': 'export function addVerify() {}',
    'packages/cli/src/commands/broker-jwt-fetch.ts': 'export function addBrokerJwtFetch() {}',
    'packages/cli/src/commands/conformance-workload-api.ts': 'export function addConformanceWorkloadApi() {}',
  }
  const check = (text: string, file = 'README.md') =>
    lines(checkMentionedCommands(memoryTree({ ...base, [file]: text })))

  it.each([
    'run `npm run test:interop` and `npm test`',
    '```\nnpm ci && npm run --silent build\n```',
    '`countersign`, `countersign entry`, `countersign entry create|list`, `countersign verify token.jwt`',
    '```sh\nsudo countersign entry list --output json\nA=1 npx countersign verify -\n```',
    '```text\ncountersign door is ready\n```',
    'a countersign is a reply',
    '`countersign broker`, `countersign broker jwt`, `countersign broker jwt fetch --pid 1`',
    '`countersign conformance workload-api --address a`',
    '```js\nconst countersign = frobnicate\n```',
    '```\ncountersign entry create   # countersign is fun\n```',
  ])('finds nothing wrong with %j', (text) => {
    expect(check(text)).toEqual([])
  })

  it.each([
    ['`countersign broker x509 fetch`', 'README.md:1: no command "countersign broker x509 fetch"'],
    ['`countersign broker jwt list`', 'README.md:1: no command "countersign broker jwt list"'],
    ['`npm run lint`', 'README.md:1: no script "lint"'],
    ['```\n$ npm run lint\n```', 'README.md:2: no script "lint"'],
    ['`npm start`', 'README.md:1: no script "start"'],
    ['`countersign entry destroy`', 'README.md:1: no command "countersign entry destroy"'],
    ['`countersign entry create|destroy`', 'README.md:1: no command "countersign entry create|destroy"'],
    ['`countersign entry page`', 'README.md:1: no command "countersign entry page"'],
    ['`countersign frobnicate`', 'README.md:1: no command "countersign frobnicate"'],
    ['```\na && npx countersign door open\n```', 'README.md:2: no command "countersign door open"'],
    ['```\nx="$(countersign door)"\n```', 'README.md:2: no command "countersign door"'],
  ])('refuses %j', (text, message) => {
    expect(check(text)).toEqual([message])
  })

  it('reads the documentation folder, and no other pages', () => {
    expect(check('`npm run lint`', 'docs/guides/a.md')).toEqual(['docs/guides/a.md:1: no script "lint"'])
    expect(check('`npm run lint`', 'packages/sdk/README.md')).toEqual([])
  })
})

describe('links', () => {
  const check = (text: string) =>
    lines(checkLinks(memoryTree({ 'docs/a.md': text, 'docs/b.md': '# Two `words`, here\n', 'src/c.ts': '' })))

  it.each([
    '[b](b.md), [b](./b.md#two-words-here), [c](../src/c.ts), [folder](../src/)',
    '[self](#title)\n\n# Title',
    '[web](https://example.org/nowhere.md), <mailto:a@example.org>',
    '`[code](nowhere.md)`\n\n```\n[code](nowhere.md)\n```',
  ])('follows %j', (text) => {
    expect(check(text)).toEqual([])
  })

  it.each([
    ['[x](nowhere.md)', 'docs/a.md:1: link "nowhere.md" leads nowhere'],
    ['\n[x]: nowhere.md', 'docs/a.md:2: link "nowhere.md" leads nowhere'],
    ['![x](x.png "title")', 'docs/a.md:1: link "x.png" leads nowhere'],
    ['[x](b.md#three)', 'docs/a.md:1: link "b.md#three": no heading "#three" in docs/b.md'],
    ['[x](#three)', 'docs/a.md:1: link "#three": no heading "#three" in docs/a.md'],
    ['[x](../../etc/passwd)', 'docs/a.md:1: link "../../etc/passwd" leaves the repository'],
    ['[x](/docs/b.md)', 'docs/a.md:1: link "/docs/b.md" leaves the repository'],
  ])('refuses %j', (text, message) => {
    expect(check(text)).toEqual([message])
  })
})

describe("a plugin's README", () => {
  const folder = 'packages/plugins/node-attestor/door'
  const check = (readme?: string) =>
    lines(
      checkPluginReadmes(
        memoryTree({
          [`${folder}/package.json`]: '{}',
          ...(readme !== undefined && { [`${folder}/README.md`]: readme }),
        }),
      ),
    )

  it('has the five sections, under any of their names', () => {
    expect(check('# a\n## What it proves\n## Options\n## Selectors produced\n## Security\n## Sample\n')).toEqual([])
    expect(check('## What it guarantees\n## Options\n### x\n## Selectors\n## Security\n## y\n## Sample\n')).toEqual([])
  })

  it.each([
    [undefined, 'is missing'],
    ['## What it proves\n## Options\n## Selectors\n## Sample', 'has no section "Security"'],
    ['```\n## Security\n```\n## What it proves\n## Options\n## Selectors\n## Sample', 'has no section "Security"'],
    ['## Options\n## What it proves\n## Selectors\n## Security\n## Sample', 'has its sections in another order'],
  ])('refuses %j', (readme, message) => {
    expect(check(readme)).toEqual([`${folder}/README.md: ${message}`])
  })
})

describe('the table of attacks', () => {
  const file = 'packages/server/src/exchange/attacks/a.test.ts'
  const tests = `describe('x', () => {
  it('is refused', () => expectRefusal(reply, '400 invalid_request'))
  it.each([['b', 1]])("is refused with %s", () => {})
})`
  const both = '`a.test.ts` "is refused"; `a.test.ts` "is refused with %s"'
  const check = (row: string) => lines(checkAttackTable(memoryTree({ [file]: tests, [ATTACK_TABLE]: row })))

  it('names tests that there are, with their answers, and all of them', () => {
    expect(check(`| a | \`400 invalid_request\` | ${both} |`)).toEqual([])
  })

  it.each([
    [`| a | b | ${both}; \`a.test.ts\` "is not" |`, `${ATTACK_TABLE}:1: no test "is not" in ${file}`],
    [`| a | b | ${both}; \`b.test.ts\` "c" |`, `${ATTACK_TABLE}:1: no test "c" in ${file.replace('a.test', 'b.test')}`],
    [`| a | \`401 invalid_client\` | ${both} |`, `${ATTACK_TABLE}:1: no test of this row asks for 401 invalid_client`],
    ['| a | b | `a.test.ts` "is refused with %s" |', `${ATTACK_TABLE}: does not name "is refused" of ${file}`],
  ])('refuses %j', (row, message) => {
    expect(check(row)).toEqual([message])
  })
})

describe('pages that say where things are', () => {
  const base: Files = {
    'CHANGELOG.md': '',
    'SPEC-MAP.md': '',
    'packages/a/src/b.ts': '',
    'packages/a/package.json': '',
  }
  const check = (text: string) => lines(checkRepositoryPaths(memoryTree({ ...base, 'ARCHITECTURE.md': text })))

  it.each([
    '`packages/a/src/b.ts`, `packages/a`, `packages/a/`, `packages/<name>/src/*.ts`, `packages/**/b.ts`',
    '`packages/a/src/b.ts:12`, `packages/a/src/b.ts#name`, `CHANGELOG.md`',
    '`application/problem+json`, `a/b`, `node:crypto`, `GET /v1/entries`, `@countersign/a/b`',
  ])('finds %j', (text) => {
    expect(check(text)).toEqual([])
  })

  it.each([
    ['\n`packages/a/src/c.ts`', 'ARCHITECTURE.md:2: no packages/a/src/c.ts'],
    ['`packages/<name>/lib/`', 'ARCHITECTURE.md:1: no packages/<name>/lib/'],
    ['`docs/concepts`', 'ARCHITECTURE.md:1: no docs/concepts'],
    ['`STYLE.md`', 'ARCHITECTURE.md:1: no STYLE.md'],
  ])('refuses %j', (text, message) => {
    expect(check(text)).toEqual([message])
  })

  it('refuses a repository without them', () => {
    expect(lines(checkRepositoryPaths(memoryTree({ 'SPEC-MAP.md': '' })))).toEqual([
      'CHANGELOG.md: is missing',
      'ARCHITECTURE.md: is missing',
    ])
  })
})

describe('words that do not belong in the repository', () => {
  const check = (text: string, file = 'src/a.ts') => lines(checkForbiddenWords(memoryTree({ [file]: text })))
  // Put together here, so that this file passes its own check.
  const slash = '/'

  it.each([
    `see ${slash}work/main/a.ts`,
    `"${slash}home/somebody/a"`,
    `${slash}root/go/pkg`,
    `as shared${slash}notes.md says`,
    `read design${'.'}md`,
    `cat ${slash}tmp/contracts.md`,
    `fixes issue ${'#'}12`,
  ])('refuses %j', (text) => {
    const problems = check(`first\n${text}`)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^src\/a\.ts:2: "/)
  })

  it('refuses a registry in the lock file, and only there', () => {
    const text = '"resolved": "https://registry.example/a.tgz"'
    expect(check(text, 'package-lock.json')).toEqual(['package-lock.json:1: ""resolved": "https:" is a registry host'])
    expect(check(text)).toEqual([])
  })

  it.each([
    'framework/work/a',
    'https://example.org/work/a',
    '/proc/1/root/etc/',
    'packages/shared/design',
    'an issue of 12 tokens',
    'issuer 12',
  ])('has nothing against %j', (text) => {
    expect(check(text)).toEqual([])
  })

  it('leaves what others published alone', () => {
    expect(check(`issue ${12}`, 'conformance/vectors/a.txt')).toEqual([])
  })
})

describe('the files of the repository', () => {
  const folders: string[] = []
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })

  it.each([
    ['with git', true],
    ['without git', false],
  ])('are those that were written, not those that were built or installed, %s', (_, withGit) => {
    const root = mkdtempSync(join(tmpdir(), 'countersign-docs-'))
    folders.push(root)
    for (const path of ['src/a.ts', 'dist/a.js', 'node_modules/b/c.js']) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), path)
    }
    if (withGit) {
      writeFileSync(join(root, '.git-excludes'), 'dist/\nnode_modules/\n.git-excludes\n')
      execFileSync('git', ['init', '-q', root])
      execFileSync('git', ['-C', root, 'config', 'core.excludesFile', join(root, '.git-excludes')])
    }
    const tree = repositoryTree(root)
    expect(tree.paths).toEqual(['src/a.ts'])
    expect(tree.read('src/a.ts')).toBe('src/a.ts')
    expect([tree.has('src'), tree.has('src/'), tree.has('sr'), tree.has('dist/a.js')]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})

describe('all checks together', () => {
  it('runs each of them, and writes what makes the generated pages pass', () => {
    const files: Files = {
      ...ERRORS,
      'package.json': '{}',
      'README.md': '[x](nowhere.md) `npm run x`',
      'CHANGELOG.md': '',
      'SPEC-MAP.md': '',
      'packages/plugins/a/b/package.json': '{}',
      'a.txt': `${'/'}work/a`,
    }
    const pages: ConfigPage[] = [{ file: 'docs/reference/config-door.md', program: 'door', schema: {} }]
    expect(lines(checkDocs(memoryTree(files), pages))).toEqual([
      `${ERROR_REFERENCE}: ERR_DOOR_LOCKED is missing`,
      `${ERROR_REFERENCE}: ERR_DOOR_STUCK is missing`,
      'docs/reference/config-door.md: does not match the schema',
      'README.md:1: no script "x"',
      'README.md:1: link "nowhere.md" leads nowhere',
      'packages/plugins/a/b/README.md: is missing',
      'ARCHITECTURE.md: is missing',
      'a.txt:1: "/' + 'work/a" is a path of one machine',
    ])
    const written = { ...files, ...Object.fromEntries(generatePages(memoryTree(files), pages)) }
    expect(lines(checkDocs(memoryTree(written), pages)).slice(0, 3)).toEqual([
      `${ERROR_REFERENCE}: ERR_DOOR_LOCKED is not explained`,
      `${ERROR_REFERENCE}: ERR_DOOR_STUCK is not explained`,
      'README.md:1: no script "x"',
    ])
  })
})

describe('conformance page', () => {
  const GROUPS = [
    { title: 'Doors', checks: [{ id: 'D-1', level: 'MUST', title: 'it | opens', section: 'Doors section 1' }] },
  ]
  const RESULT = JSON.stringify({
    checks: [{ id: 'D-1', outcome: 'warn', expected: 'open', seen: 'shut' }],
  })
  const files: Files = {
    [CONFORMANCE_PAGE]:
      'before\n<!-- made from the checks and results by node tools/check-docs.ts --write -->\nold\n<!-- end -->\nafter\n',
    'docs/conformance/results/door-1.0.json': RESULT,
  }

  it('has a row for each check with the outcome of each server, and keeps the words around', () => {
    const page = formatConformancePage(memoryTree(files), GROUPS)
    expect(page).toMatch(/^before\n<!-- made/)
    expect(page).toMatch(/<!-- end -->\nafter\n$/)
    expect(page).not.toContain('old')
    expect(page).toContain('| Check | Level | A good server | See | door-1.0 |')
    expect(page).toContain('| `D-1` | MUST | it \\| opens | Doors section 1 | warn |')
    expect(page).toContain('| door-1.0 | 0 | 0 | 1 | 0 |')
    expect(page).toContain('- `D-1` warn: expected open; seen: shut')
    expect(checkConformancePage(memoryTree({ ...files, [CONFORMANCE_PAGE]: page }), GROUPS)).toEqual([])
  })

  it('is out of step when checks or results changed', () => {
    expect(lines(checkConformancePage(memoryTree(files), GROUPS))).toEqual([
      `${CONFORMANCE_PAGE}: does not match the checks`,
    ])
  })

  it('knows results of checks that are gone', () => {
    const renamed = GROUPS.map((group) => ({
      ...group,
      checks: group.checks.map((check) => ({ ...check, id: 'D-2' })),
    }))
    const page = formatConformancePage(memoryTree(files), renamed)
    expect(lines(checkConformancePage(memoryTree({ ...files, [CONFORMANCE_PAGE]: page }), renamed))).toEqual([
      `${CONFORMANCE_PAGE}: results of door-1.0 name a check D-1 that is not there`,
    ])
  })
})
