import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A peer in a process of its own, built from `benchmarks/peers/` where Go is installed. */
export interface GoPeer {
  /** Works for so long. @returns operations per CPU second of its process */
  measure(milliseconds: number): Promise<number>
  /** Ends the process and removes what was built. */
  close(): void
}

/** A first build compiles the standard library too. */
const BUILD_TIMEOUT_MS = 300_000

/** @returns `undefined` where there is no Go */
export function startGoPeer(source: string, ...args: readonly string[]): GoPeer | undefined {
  if (spawnSync('go', ['version']).status !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
  const program = join(folder, 'peer')
  const built = spawnSync('go', ['build', '-o', program, join(import.meta.dirname, '../peers', source)], {
    cwd: folder,
    env: { ...process.env, GOTOOLCHAIN: 'local', GOWORK: 'off' },
    timeout: BUILD_TIMEOUT_MS,
    encoding: 'utf8',
  })
  if (built.status !== 0) {
    rmSync(folder, { recursive: true })
    throw new Error(`go build of ${source} failed: ${built.stderr}`)
  }
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async measure(milliseconds) {
      child.stdin.write(`${milliseconds}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`${source} ended early`)
      return Number(value)
    },
    close() {
      child.kill()
      rmSync(folder, { recursive: true })
    },
  }
}
