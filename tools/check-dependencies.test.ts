import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { checkDependencies } from './check-dependencies.ts'
import { formatProblem } from './problem.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

type Files = Readonly<Record<string, string | object>>

const PACKAGES: Files = {
  'package.json': {
    name: 'root',
    workspaces: ['packages/*', 'packages/plugins/*/*', 'e2e'],
    devDependencies: { vitest: '1', jose: '1' },
  },
  'packages/protocol/package.json': {
    name: '@countersign/protocol',
    exports: { '.': {}, './keys-node': {} },
  },
  'packages/plugin-kit/package.json': {
    name: '@countersign/plugin-kit',
    exports: { '.': {} },
    dependencies: { '@countersign/protocol': '1', yaml: '1' },
    peerDependencies: { vitest: '1' },
  },
  'packages/plugins/node-attestor/door/package.json': {
    name: '@countersign/node-attestor-door',
    exports: { './agent': {}, './server': {} },
    dependencies: { '@countersign/plugin-kit': '1' },
  },
  'packages/server/package.json': {
    name: '@countersign/server',
    exports: { '.': {} },
    dependencies: { '@countersign/protocol': '1', '@countersign/node-attestor-door': '1', fastify: '1' },
    devDependencies: { undici: '1' },
  },
  'packages/sdk/package.json': {
    name: '@countersign/sdk',
    exports: { '.': {} },
    dependencies: { '@countersign/server': '1' },
  },
  'packages/testing/package.json': {
    name: '@countersign/testing',
    exports: { '.': {} },
    dependencies: { '@countersign/protocol': '1' },
  },
  'packages/cli/package.json': { name: 'countersign', exports: { '.': {} }, dependencies: { '@countersign/sdk': '1' } },
  'e2e/package.json': { name: '@countersign/e2e' },
}

/** What the check says about the packages above with these files added. */
function check(files: Files): string[] {
  const root = mkdtempSync(join(tmpdir(), 'countersign-dependencies-'))
  folders.push(root)
  for (const [path, content] of Object.entries({ ...PACKAGES, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return checkDependencies(root).map((problem) => formatProblem(problem).replace(/\n.*/, ''))
}

describe('dependencies that are in order', () => {
  it('finds nothing in the direction that the table allows', () => {
    expect(
      check({
        'packages/protocol/src/index.ts': "export { a } from './a.ts'",
        'packages/protocol/src/a.ts': 'export const a = 1',
        'packages/plugin-kit/src/index.ts': "import type { a } from '@countersign/protocol'\nimport 'yaml'",
        'packages/plugins/node-attestor/door/src/server.ts': "import '@countersign/plugin-kit'",
        'packages/server/src/index.ts':
          "import '@countersign/node-attestor-door/server'\nimport 'node:fs'\nimport 'fastify'",
        'packages/cli/src/main.ts': "import '@countersign/sdk'",
      }),
    ).toEqual([])
  })

  it('lets tests use the helpers and development dependencies of their package and the repository', () => {
    expect(
      check({
        'packages/protocol/src/a.test.ts':
          "import '@countersign/testing'\nimport 'node:fs'\nimport 'jose'\nBuffer.from('')\nimport '@countersign/protocol'",
        'packages/server/src/test-support/client.ts': "import 'undici'",
        'packages/plugin-kit/src/contract/index.ts': "import 'vitest'",
      }),
    ).toEqual([])
  })

  it('lets tools and interop see every workspace', () => {
    expect(check({ 'tools/a.ts': "import '@countersign/server'", 'interop/b.ts': "import 'jose'" })).toEqual([])
  })

  it('does not look at what was built or installed', () => {
    const wrong = "import '@countersign/server'"
    expect(check({ 'packages/protocol/dist/a.ts': wrong, 'packages/protocol/node_modules/x/a.ts': wrong })).toEqual([])
  })
})

describe('direction between packages', () => {
  it.each([
    ['protocol', '@countersign/plugin-kit', 'protocol imports @countersign/plugin-kit'],
    ['sdk', '@countersign/server', 'sdk imports @countersign/server'],
    ['server', '@countersign/testing', 'server imports @countersign/testing'],
    ['plugin-kit', 'countersign', 'plugin-kit imports countersign'],
  ])('refuses that %s imports %s', (folder, specifier, message) => {
    const problems = check({ [`packages/${folder}/src/a.ts`]: `\nimport '${specifier}'` })
    expect(problems).toContain(`packages/${folder}/src/a.ts:2: ${message}`)
  })

  it.each([
    ["import type { A } from '@countersign/server'"],
    ["export { a } from '@countersign/server'"],
    ["type A = import('@countersign/server').A"],
    ["await import('@countersign/server')"],
  ])('sees %s', (statement) => {
    expect(check({ 'packages/protocol/src/a.ts': statement })).toContain(
      'packages/protocol/src/a.ts:1: protocol imports @countersign/server',
    )
  })

  it('holds for tests too, but for the test helpers', () => {
    expect(check({ 'packages/protocol/src/a.test.ts': "import '@countersign/server'" })).toContain(
      'packages/protocol/src/a.test.ts:1: protocol imports @countersign/server',
    )
  })

  it('refuses a package that has no layer', () => {
    expect(
      check({
        'packages/extra/package.json': { name: '@countersign/extra', dependencies: { '@countersign/protocol': '1' } },
        'packages/extra/src/a.ts': "import '@countersign/protocol'",
      }),
    ).toEqual(['packages/extra/src/a.ts:1: package packages/extra has no place in the table of layers'])
  })

  it("refuses the other program's half of a node attestor", () => {
    expect(check({ 'packages/server/src/a.ts': "import '@countersign/node-attestor-door/agent'" })).toEqual([
      'packages/server/src/a.ts:1: server imports "@countersign/node-attestor-door/agent"',
    ])
  })

  it('refuses that a package imports itself by name', () => {
    expect(check({ 'packages/server/src/a.ts': "import '@countersign/server'" })).toEqual([
      'packages/server/src/a.ts:1: imports its own package by name',
    ])
  })
})

describe('purity of protocol', () => {
  it.each([
    ["import { readFileSync } from 'node:fs'", 'imports "node:fs"'],
    ["import 'fs'", 'imports "fs"'],
    ["import 'yaml'", 'imports yaml'],
    ["Buffer.from('')", 'uses Buffer'],
    ['const a = process.env', 'uses process'],
    ['globalThis.process', 'uses globalThis.process'],
    ['Date.now()', 'uses Date.now'],
    ['new Date()', 'uses new Date()'],
    ['Math.random()', 'uses Math.random'],
    ["await fetch('')", 'uses fetch'],
    ['crypto.subtle', 'uses crypto.subtle'],
    ["import './keys-node/index.ts'", '"./keys-node/index.ts" is about one runtime'],
    ["import './keys-web/index.ts'", '"./keys-web/index.ts" is about one runtime'],
  ])('refuses %s', (statement, message) => {
    expect(check({ 'packages/protocol/src/a.ts': statement })).toEqual([`packages/protocol/src/a.ts:1: ${message}`])
  })

  it('allows names that only look alike', () => {
    expect(
      check({
        'packages/protocol/src/a.ts':
          'const a = { process: 1 }\na.process\nnew Date(0)\nfunction b(fetch: () => void) { fetch() }\nMath.max(1)',
      }),
    ).toEqual([])
  })

  it('allows the folder that is about Node', () => {
    expect(check({ 'packages/protocol/src/keys-node/a.ts': "import 'node:crypto'\nBuffer.from('')" })).toEqual([])
  })

  it('allows the folder for every runtime its globals, and nothing of Node', () => {
    const file = 'packages/protocol/src/keys-web/a.ts'
    expect(check({ [file]: 'crypto.subtle' })).toEqual([])
    expect(check({ [file]: "import 'node:crypto'" })).toEqual([`${file}:1: imports "node:crypto"`])
  })

  it('asks it of no other package', () => {
    expect(check({ 'packages/server/src/a.ts': 'process.exit(Date.now())' })).toEqual([])
  })
})

describe('declared dependencies', () => {
  it.each([
    ['packages/server/src/a.ts', 'yaml', 'yaml is not among the dependencies of packages/server/package.json'],
    ['packages/server/src/a.ts', 'undici', 'undici is not among the dependencies of packages/server/package.json'],
    ['packages/server/src/a.ts', 'jose', 'jose is not among the dependencies of packages/server/package.json'],
    [
      'packages/server/src/a.test.ts',
      'yaml/util',
      'yaml is not among the dependencies or devDependencies of packages/server/package.json',
    ],
    [
      'e2e/a.test.ts',
      '@countersign/server',
      '@countersign/server is not among the dependencies or devDependencies of e2e/package.json',
    ],
    ['tools/a.ts', 'fastify', 'fastify is not among the dependencies of package.json'],
  ])('refuses in %s what is not declared: %s', (file, specifier, message) => {
    expect(check({ [file]: `import '${specifier}'` })).toEqual([`${file}:1: ${message}`])
  })
})

describe('the inside of packages', () => {
  it('refuses a subpath that is not exported', () => {
    expect(check({ 'packages/server/src/a.ts': "import '@countersign/protocol/src/a.ts'" })).toEqual([
      'packages/server/src/a.ts:1: "@countersign/protocol/src/a.ts" is not in the exports of @countersign/protocol',
    ])
  })

  it('refuses a path into another package', () => {
    expect(check({ 'packages/server/src/a.ts': "import '../../protocol/src/a.ts'" })).toEqual([
      'packages/server/src/a.ts:1: "../../protocol/src/a.ts" leaves packages/server',
    ])
  })

  it('refuses test code in product code', () => {
    expect(
      check({
        'packages/server/src/a.ts': "import './test-support/b.ts'",
        'packages/server/src/test-support/b.ts': '',
      }),
    ).toEqual(['packages/server/src/a.ts:1: "./test-support/b.ts" is for tests'])
  })
})

describe('circles', () => {
  it('names every file that is in a circle, along the shortest one', () => {
    expect(
      check({
        'packages/server/src/a.ts': "import './b.ts'\nimport './c.ts'",
        'packages/server/src/b.ts': "import './c.ts'",
        'packages/server/src/c.ts': "import type { A } from './a.ts'",
        'packages/server/src/d.ts': "import './a.ts'",
      }),
    ).toEqual([
      'packages/server/src/a.ts: imports itself in a circle: packages/server/src/a.ts -> packages/server/src/c.ts -> packages/server/src/a.ts',
      'packages/server/src/b.ts: imports itself in a circle: packages/server/src/b.ts -> packages/server/src/c.ts -> packages/server/src/a.ts -> packages/server/src/b.ts',
    ])
  })

  it('sees a file that imports itself', () => {
    expect(check({ 'packages/server/src/a.ts': "import './a.ts'" })).toEqual([
      'packages/server/src/a.ts: imports itself in a circle: packages/server/src/a.ts -> packages/server/src/a.ts',
    ])
  })
})
