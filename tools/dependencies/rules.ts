import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import type { Problem } from '../problem.ts'
import { describeAllowed, isForeignHalf, isKnownLayer, layerOf, mayImport } from './layers.ts'
import type { Import, SourceFacts } from './read-imports.ts'
import { isTestFile, type Workspace } from './workspace.ts'

/** A package that tests of any layer may use. */
const TEST_HELPERS = '@countersign/testing'
const PURE_LAYER = 'protocol'
/** The folder of the pure package that is about Node. */
const NODE_FOLDER = 'packages/protocol/src/keys-node/'
/** The folders of the pure package that take something from the runtime they are in. */
const RUNTIME_FOLDERS = [NODE_FOLDER, 'packages/protocol/src/keys-web/']

export interface SourceFile extends SourceFacts {
  readonly file: string
  readonly workspace: Workspace
}

export interface Repository {
  readonly root: Workspace
  readonly byName: ReadonlyMap<string, Workspace>
}

/** Every rule about one file. */
export function checkFile(source: SourceFile, repository: Repository): Problem[] {
  const problems = source.imports.flatMap((each) =>
    each.specifier.startsWith('.') ? checkRelativeImport(source, each) : checkPackageImport(source, each, repository),
  )
  return [...problems, ...checkPurity(source)]
}

/** The file that a relative import means. */
export function resolveRelative(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier)
}

function checkRelativeImport({ file, workspace }: SourceFile, { specifier, line }: Import): Problem[] {
  const target = resolveRelative(file, specifier)
  const problem = (message: string, rule: string) => [{ file, line, message, rule }]
  if (workspace.folder !== '' && !target.startsWith(`${workspace.folder}/`)) {
    return problem(`"${specifier}" leaves ${workspace.folder}`, 'packages know each other by name only')
  }
  if (isTestFile(target) && !isTestFile(file)) {
    return problem(`"${specifier}" is for tests`, 'product code does not import test files')
  }
  if (isRuntimeCode(target) && !isRuntimeCode(file) && !isTestFile(file)) {
    return problem(`"${specifier}" is about one runtime`, 'the pure part of protocol runs everywhere')
  }
  return []
}

function checkPackageImport(source: SourceFile, each: Import, repository: Repository): Problem[] {
  const { file } = source
  const { specifier, line } = each
  if (specifier.startsWith('node:') || isBuiltin(specifier)) return checkBuiltin(source, each)
  const { packageName, subpath } = splitSpecifier(specifier)
  const target = repository.byName.get(packageName)
  const problems: Problem[] = []
  const add = (message: string, rule: string) => problems.push({ file, line, message, rule })

  if (target !== undefined && !target.subpaths.has(subpath)) {
    add(`"${specifier}" is not in the exports of ${packageName}`, 'no imports of the inside of another package')
  }
  if (target !== undefined) problems.push(...checkDirection(source, each, target, subpath))
  if (target === undefined && layerOf(source.workspace.folder) === PURE_LAYER && !isTestFile(file)) {
    add(`imports ${packageName}`, 'protocol has no dependencies')
  } else if (!isDeclared(source, packageName, target, repository)) {
    const where = source.workspace.folder === '' ? 'package.json' : `${source.workspace.folder}/package.json`
    const kind = isTestFile(file) ? 'dependencies or devDependencies' : 'dependencies'
    add(`${packageName} is not among the ${kind} of ${where}`, 'a package imports only what it declares')
  }
  return problems
}

function checkBuiltin({ file, workspace }: SourceFile, { specifier, line }: Import): Problem[] {
  if (layerOf(workspace.folder) !== PURE_LAYER || isTestFile(file) || file.startsWith(NODE_FOLDER)) return []
  const message = `imports "${specifier}"`
  return [{ file, line, message, rule: 'protocol imports nothing of Node outside src/keys-node' }]
}

function checkDirection(source: SourceFile, each: Import, target: Workspace, subpath: string): Problem[] {
  const { file, workspace } = source
  const from = layerOf(workspace.folder)
  const to = layerOf(target.folder)
  if (from === undefined) return []
  const problem = (message: string, rule: string) => [{ file, line: each.line, message, rule }]
  if (!isKnownLayer(from)) {
    return problem(`package ${workspace.folder} has no place in the table of layers`, 'every package has a layer')
  }
  if (target === workspace) {
    return isTestFile(file) ? [] : problem('imports its own package by name', 'own files are imported by path')
  }
  if (isTestFile(file) && target.name === TEST_HELPERS) return []
  if (to === undefined || !mayImport(from, to)) {
    return problem(`${from} imports ${target.name}`, `${from} may import ${describeAllowed(from)}`)
  }
  if (isForeignHalf(from, target.folder, subpath)) {
    return problem(`${from} imports "${each.specifier}"`, 'each program loads its own half of a node attestor')
  }
  return []
}

function isDeclared(
  { file, workspace }: SourceFile,
  packageName: string,
  target: Workspace | undefined,
  { root }: Repository,
): boolean {
  if (target === workspace) return true
  if (workspace.dependencies.has(packageName)) return true
  // The repository's own tools see every workspace: npm links them all into its node_modules.
  if (workspace === root) return target !== undefined || root.devDependencies.has(packageName)
  if (!isTestFile(file)) return false
  if (packageName === TEST_HELPERS) return true
  return workspace.devDependencies.has(packageName) || root.devDependencies.has(packageName)
}

function checkPurity({ file, workspace, ambient }: SourceFile): Problem[] {
  if (layerOf(workspace.folder) !== PURE_LAYER || isTestFile(file) || isRuntimeCode(file)) return []
  return ambient.map(({ name, line }) => ({
    file,
    line,
    message: `uses ${name}`,
    rule: 'protocol is values in, values out: time, chance, network and runtime are parameters',
  }))
}

function isRuntimeCode(file: string): boolean {
  return RUNTIME_FOLDERS.some((folder) => file.startsWith(folder))
}

function splitSpecifier(specifier: string): { packageName: string; subpath: string } {
  const parts = specifier.split('/')
  const length = specifier.startsWith('@') ? 2 : 1
  const rest = parts.slice(length).join('/')
  return { packageName: parts.slice(0, length).join('/'), subpath: rest === '' ? '.' : `./${rest}` }
}
