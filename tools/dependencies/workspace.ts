import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One package of the repository, and the sources that are its own. */
export interface Workspace {
  readonly name: string
  /** Relative to the repository, with forward slashes; empty for the repository itself. */
  readonly folder: string
  readonly dependencies: ReadonlySet<string>
  readonly devDependencies: ReadonlySet<string>
  /** Keys of `exports`: `.`, `./keys-node`. */
  readonly subpaths: ReadonlySet<string>
  /** Relative to the repository, with forward slashes. */
  readonly files: readonly string[]
}

interface Manifest {
  readonly name?: string
  readonly workspaces?: readonly string[]
  readonly exports?: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const IGNORED = new Set(['node_modules', 'dist', 'bin', '.stryker-tmp'])

/** The repository first, then its workspaces. */
export function readWorkspaces(root: string): readonly Workspace[] {
  const manifest = readManifest(root, '')
  const folders = (manifest.workspaces ?? [])
    .flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root, exclude: isIgnored }))
    .map((path) => path.replace(/\\/g, '/').replace(/\/package\.json$/, ''))
    .sort()
  const own = ['tools', 'interop'].flatMap((folder) => sourcesBelow(root, folder))
  const configs = globSync('*.ts', { cwd: root })
  return [
    toWorkspace('', manifest, [...own, ...configs]),
    ...folders.map((folder) => toWorkspace(folder, readManifest(root, folder), sourcesBelow(root, folder))),
  ]
}

function toWorkspace(folder: string, manifest: Manifest, files: readonly string[]): Workspace {
  return {
    name: manifest.name ?? folder,
    folder,
    dependencies: new Set(
      [manifest.dependencies, manifest.peerDependencies, manifest.optionalDependencies].flatMap((each) =>
        Object.keys(each ?? {}),
      ),
    ),
    devDependencies: new Set(Object.keys(manifest.devDependencies ?? {})),
    subpaths: new Set(Object.keys(manifest.exports ?? {})),
    files,
  }
}

function readManifest(root: string, folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
}

function sourcesBelow(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return globSync('**/*.{ts,tsx,mts}', { cwd: join(root, folder), exclude: isIgnored })
    .map((path) => `${folder}/${path.replace(/\\/g, '/')}`)
    .filter((path) => !path.endsWith('.d.ts'))
    .sort()
}

function isIgnored(path: string): boolean {
  return path.split(/[\\/]/).some((part) => IGNORED.has(part))
}

const TEST_FILE = /\.(?:test|test-d|bench)\.tsx?$/
const TEST_FOLDER = /(?:^|\/)test-support\//
/** Workspaces that are tests from end to end: nothing of them is published. */
const TEST_WORKSPACE = /^(?:conformance|e2e|benchmarks)\//

export function isTestFile(file: string): boolean {
  return TEST_FILE.test(file) || TEST_FOLDER.test(file) || TEST_WORKSPACE.test(file)
}
