import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Short, because a Unix socket's path has at most 107 bytes. */
const PREFIX = 'countersign-demo-'
const OWNER_FILE = 'owner.json'
const ENVIRONMENT_FILE = 'env'

/** The one folder a demo run owns: all its state, gone when the run ends. Two runs never share one. */
export interface DemoFolder {
  readonly path: string
  /** Makes a folder below. */
  make(name: string): string
  remove(): void
}

/** Makes a new folder, and removes what runs left behind that were killed before they could. */
export function createDemoFolder(base: string = tmpdir()): DemoFolder {
  removeAbandoned(base)
  const path = mkdtempSync(join(base, PREFIX))
  writeFileSync(join(path, OWNER_FILE), JSON.stringify({ pid: process.pid, startTime: startTime(process.pid) }))
  return {
    path,
    make(name) {
      const folder = join(path, name)
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      return folder
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** Writes what `countersign demo env` prints. */
export function writeEnvironment(folder: DemoFolder, variables: Readonly<Record<string, string>>): void {
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`)
  writeFileSync(join(folder.path, ENVIRONMENT_FILE), lines.join(''))
}

/** The environment of the demo that was started last and still runs, or undefined. */
export function readNewestEnvironment(base: string = tmpdir()): string | undefined {
  const running = demoFolders(base).filter(isOwned)
  for (const folder of running.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)) {
    try {
      return readFileSync(join(folder, ENVIRONMENT_FILE), 'utf8')
    } catch {
      // That run is still starting.
    }
  }
  return undefined
}

function removeAbandoned(base: string): void {
  for (const folder of demoFolders(base)) {
    if (!isOwned(folder)) rmSync(folder, { recursive: true, force: true })
  }
}

/** Only folders of this user: names in a shared temporary folder prove nothing. */
function demoFolders(base: string): string[] {
  return readdirSync(base)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => join(base, name))
    .filter((path) => {
      const stat = statSync(path, { throwIfNoEntry: false })
      return stat?.isDirectory() === true && stat.uid === process.getuid?.()
    })
}

/** Whether the run that made the folder still lives. A pid alone could be another program's by now. */
function isOwned(folder: string): boolean {
  try {
    const owner = JSON.parse(readFileSync(join(folder, OWNER_FILE), 'utf8')) as { pid: number; startTime: string }
    return startTime(owner.pid) === owner.startTime
  } catch {
    // No readable owner: abandoned, unless it was made this very minute.
    const stat = statSync(folder, { throwIfNoEntry: false })
    return stat !== undefined && Date.now() - stat.mtimeMs < 60_000
  }
}

/** Field 22 of /proc/<pid>/stat; the name before it may hold spaces and parentheses. */
function startTime(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] as string
}
