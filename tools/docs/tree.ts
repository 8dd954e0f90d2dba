import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

/** The repository as the checks see it. Paths are relative to it, with forward slashes. */
export interface Tree {
  readonly paths: readonly string[]
  read(path: string): string
  /** Whether there is such a file, or a folder with files in it. */
  has(path: string): boolean
}

/** The files that are tracked, or would be after `git add`: what is built and installed does not count. */
export function repositoryTree(root: string): Tree {
  const paths = [...new Set(trackedFiles(root) ?? walkedFiles(root))].filter((path) => existsSync(join(root, path)))
  return treeOf(paths.sort(), (path) => readFileSync(join(root, path), 'utf8'))
}

/** `undefined` where git cannot say: the sources may have come as an archive. */
function trackedFiles(root: string): string[] | undefined {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return status === 0 ? stdout.split('\0').filter((path) => path !== '') : undefined
}

const NOT_TRACKED = new Set(['node_modules', 'dist', '.git', '.stryker-tmp', 'reports', 'coverage'])

function walkedFiles(root: string): string[] {
  const exclude = (path: string) => NOT_TRACKED.has(basename(path))
  return globSync('**/*', { cwd: root, exclude })
    .map((path) => path.replace(/\\/g, '/'))
    .filter((path) => statSync(join(root, path)).isFile())
}

export function memoryTree(files: Readonly<Record<string, string>>): Tree {
  return treeOf(Object.keys(files).sort(), (path) => files[path] ?? '')
}

function treeOf(paths: readonly string[], read: (path: string) => string): Tree {
  const known = new Set<string>()
  for (const path of paths) {
    const parts = path.split('/')
    for (let length = 1; length <= parts.length; length += 1) known.add(parts.slice(0, length).join('/'))
  }
  return { paths, read, has: (path) => known.has(path.replace(/\/+$/, '')) }
}
