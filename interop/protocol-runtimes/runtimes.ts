import { globSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Processes } from '../support/processes.ts'

const INSTALL_TIMEOUT_MS = 240_000

/** A JavaScript runtime that the package is to run on. */
export interface Runtime {
  readonly name: string
  /** npm package whose dependencies for this platform carry the program. */
  readonly package: string
  /** Where the program is in there. */
  readonly pattern: string
  /** Words before the file to run. */
  readonly args: readonly string[]
}

export const RUNTIMES: readonly Runtime[] = [
  {
    name: 'deno',
    package: 'deno@2.9.6',
    pattern: 'node_modules/@deno/*/deno',
    // Files may be read, and nothing else is allowed: no network, no environment.
    args: ['run', '--no-prompt', '--no-remote', '--no-npm', '--no-config', '--allow-read'],
  },
  { name: 'bun', package: 'bun@1.4.5', pattern: 'node_modules/@oven/*/bin/bun', args: ['run'] },
  {
    name: 'node 20',
    package: `node-${process.platform}-${process.arch}@20.12.2`,
    pattern: `node_modules/node-${process.platform}-${process.arch}/bin/node`,
    args: [],
  },
]

/**
 * Installs a runtime for the time of the run. No script of a package is run: the programs lie in packages of their own.
 *
 * @returns its program, or why there is none
 */
export async function installRuntime(
  processes: Processes,
  runtime: Runtime,
  folder: string,
): Promise<{ readonly program: string } | { readonly missing: string }> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"private":true}')
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', runtime.package]
  try {
    const { exitCode } = await processes.run('npm', args, { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS })
    if (exitCode !== 0) return { missing: `${runtime.package} cannot be installed` }
  } catch (error) {
    return { missing: `${runtime.package} cannot be installed: ${(error as Error).message.slice(0, 200)}` }
  }
  const [program] = globSync(runtime.pattern, { cwd: folder })
  return program === undefined
    ? { missing: `${runtime.package} has no program for this platform` }
    : { program: join(folder, program) }
}
