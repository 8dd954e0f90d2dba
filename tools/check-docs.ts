/**
 * Holds the documentation against the source.
 *
 *     node tools/check-docs.ts            says what is wrong
 *     node tools/check-docs.ts --write    makes the generated pages, then says what is still wrong
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { checkAttackTable } from './docs/attack-table.ts'
import {
  type ConfigPage,
  type ConfigSchema,
  checkConfigReference,
  formatConfigReference,
} from './docs/config-reference.ts'
import {
  CONFORMANCE_PAGE,
  type ConformanceGroup,
  checkConformancePage,
  formatConformancePage,
} from './docs/conformance-page.ts'
import { checkDashboards } from './docs/dashboards.ts'
import { readErrorCodes } from './docs/error-codes.ts'
import { checkErrorReference, ERROR_REFERENCE, formatErrorReference } from './docs/error-reference.ts'
import { checkForbiddenWords } from './docs/forbidden-words.ts'
import { checkLinks } from './docs/links.ts'
import { samePage } from './docs/markdown.ts'
import { checkMentionedCommands } from './docs/mentioned-commands.ts'
import {
  checkMetricsReference,
  formatMetricsReference,
  METRICS_REFERENCE,
  type MetricProgram,
} from './docs/metrics-reference.ts'
import { checkPluginReadmes } from './docs/plugin-readmes.ts'
import { checkRepositoryPaths } from './docs/repository-paths.ts'
import { repositoryTree, type Tree } from './docs/tree.ts'
import { type Problem, reportProblems } from './problem.ts'

/** Everything that is wrong with the documentation of a repository. */
export function checkDocs(
  tree: Tree,
  configPages: readonly ConfigPage[],
  conformanceGroups: readonly ConformanceGroup[] = [],
  metricPrograms: readonly MetricProgram[] = [],
): Problem[] {
  const { areas, problems } = readErrorCodes(tree)
  return [
    ...problems,
    ...checkErrorReference(readOrEmpty(tree, ERROR_REFERENCE), areas),
    ...configPages.flatMap((page) => checkConfigReference(page, readOrEmpty(tree, page.file))),
    ...(conformanceGroups.length === 0 ? [] : checkConformancePage(tree, conformanceGroups)),
    ...(metricPrograms.length === 0
      ? []
      : [
          ...checkMetricsReference(metricPrograms, readOrEmpty(tree, METRICS_REFERENCE)),
          ...checkDashboards(tree, metricPrograms),
        ]),
    ...checkAttackTable(tree),
    ...checkMentionedCommands(tree),
    ...checkLinks(tree),
    ...checkPluginReadmes(tree),
    ...checkRepositoryPaths(tree),
    ...checkForbiddenWords(tree),
  ]
}

/** The generated pages as they should be: path to text. */
export function generatePages(
  tree: Tree,
  configPages: readonly ConfigPage[],
  conformanceGroups: readonly ConformanceGroup[] = [],
  metricPrograms: readonly MetricProgram[] = [],
): ReadonlyMap<string, string> {
  const { areas } = readErrorCodes(tree)
  return new Map([
    [ERROR_REFERENCE, formatErrorReference(readOrEmpty(tree, ERROR_REFERENCE), areas)],
    ...configPages.map((page) => [page.file, formatConfigReference(page)] as const),
    ...(conformanceGroups.length === 0
      ? []
      : [[CONFORMANCE_PAGE, formatConformancePage(tree, conformanceGroups)] as const]),
    ...(metricPrograms.length === 0 ? [] : [[METRICS_REFERENCE, formatMetricsReference(metricPrograms)] as const]),
  ])
}

function readOrEmpty(tree: Tree, path: string): string {
  return tree.has(path) ? tree.read(path) : ''
}

/** From the built packages: the pages say what the programs that would be published accept. */
async function readConfigPages(): Promise<ConfigPage[]> {
  const { ServerConfigFile } = await import('@countersign/server')
  const { AgentConfigFile } = await import('@countersign/agent')
  return [
    { file: 'docs/reference/config-server.md', program: 'server', schema: jsonOf(ServerConfigFile) },
    { file: 'docs/reference/config-agent.md', program: 'agent', schema: jsonOf(AgentConfigFile) },
  ]
}

async function readMetricPrograms(): Promise<MetricProgram[]> {
  const { SERVER_METRICS } = await import('@countersign/server')
  const { AGENT_METRICS } = await import('@countersign/agent')
  return [
    { program: 'Server', metrics: SERVER_METRICS },
    { program: 'Agent', metrics: AGENT_METRICS },
  ]
}

/** A schema of the programs is JSON Schema with more types. */
function jsonOf(schema: object): ConfigSchema {
  return JSON.parse(JSON.stringify(schema))
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, '..')
  const configPages = await readConfigPages()
  const metricPrograms = await readMetricPrograms()
  const { CHECK_GROUPS } = await import('countersign/conformance/workload-api')
  if (process.argv.includes('--write')) {
    const tree = repositoryTree(root)
    for (const [path, text] of generatePages(tree, configPages, CHECK_GROUPS, metricPrograms)) {
      if (samePage(readOrEmpty(tree, path), text)) continue
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
  }
  reportProblems('documentation', checkDocs(repositoryTree(root), configPages, CHECK_GROUPS, metricPrograms))
}
