/** Checks that dependencies point one way: between packages, between a package and its manifest, between files. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findCycles } from './dependencies/import-cycles.ts'
import { readSource } from './dependencies/read-imports.ts'
import { checkFile, resolveRelative, type SourceFile } from './dependencies/rules.ts'
import { readWorkspaces } from './dependencies/workspace.ts'
import { type Problem, reportProblems } from './problem.ts'

/** @param root folder of the repository */
export function checkDependencies(root: string): Problem[] {
  const workspaces = readWorkspaces(root)
  const [repository] = workspaces
  if (repository === undefined) return []
  const byName = new Map(workspaces.filter(({ folder }) => folder !== '').map((each) => [each.name, each]))
  const sources = workspaces.flatMap((workspace) =>
    workspace.files.map((file) => ({ file, workspace, ...readSource(file, readFileSync(join(root, file), 'utf8')) })),
  )
  return [...sources.flatMap((source) => checkFile(source, { root: repository, byName })), ...checkCycles(sources)]
}

function checkCycles(sources: readonly SourceFile[]): Problem[] {
  const known = new Set(sources.map(({ file }) => file))
  const graph = new Map(
    sources.map(({ file, imports }) => {
      const relative = imports.filter(({ specifier }) => specifier.startsWith('.'))
      const targets = relative.map(({ specifier }) => resolveRelative(file, specifier))
      return [file, new Set(targets.filter((target) => known.has(target)))] as const
    }),
  )
  return findCycles(graph).map((cycle) => ({
    file: cycle[0] ?? '',
    message: `imports itself in a circle: ${[...cycle, cycle[0]].join(' -> ')}`,
    rule: 'files of a package do not import each other in a circle, not even for types',
  }))
}

if (import.meta.main) reportProblems('dependencies', checkDependencies(resolve(import.meta.dirname, '..')))
