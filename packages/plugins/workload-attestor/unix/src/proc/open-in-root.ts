/** Opens a file the way another process would find it, without ever leaving that process's root folder. */
import { constants } from 'node:fs'
import { type FileHandle, open, readlink } from 'node:fs/promises'
import { answerOf } from '../host-fault.ts'
import { decodeStrictUtf8 } from './strict-utf8.ts'

/** Linux `O_PATH`, not among Node's constants: refers to a file without opening it, so no device or pipe ever reacts. */
const O_PATH = 0o10000000
const MAX_LINKS = 40
const MAX_STEPS = 512

/** A file found, not yet opened for reading. */
export interface FoundFile {
  /** Absolute path without links, as seen from the root given. */
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
  /** Opening this path opens the very file that was found. Valid until `close`. */
  readonly handlePath: string
  close(): Promise<void>
}

/**
 * Resolves an absolute path inside a root folder, link by link and folder by folder, each through a handle of the one
 * before. The kernel would resolve an absolute link in `/proc/<pid>/root/…` against the agent's root: a container could
 * name a file of the host that way. It also could change a link between resolving and opening.
 *
 * @param root folder to take as `/`, such as `/proc/<pid>/root`
 * @returns the file, or why there is none
 * @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` when the host cannot say now
 */
export async function openInRoot(root: string, path: string): Promise<FoundFile | { readonly omitted: string }> {
  const folders: Step[] = []
  try {
    const top = { name: '', handle: await open(root, O_PATH | constants.O_DIRECTORY) }
    folders.push(top)
    return await walk(folders, path)
  } catch (error) {
    await closeAll(folders)
    return { omitted: answerOf(error) }
  }
}

interface Step {
  readonly name: string
  readonly handle: FileHandle
}

async function walk(steps: Step[], path: string): Promise<FoundFile | { readonly omitted: string }> {
  const rest = components(path)
  let links = 0
  for (let step = 0; rest.length > 0; step++) {
    const name = rest.shift() ?? ''
    if (step > MAX_STEPS) return refuse(steps, 'path is too long')
    if (name === '..') {
      await closeAll(steps.splice(Math.max(1, steps.length - 1)))
      continue
    }
    // Links there lead into whichever process reads them, which is the agent.
    if (steps.length === 1 && name === 'proc') return refuse(steps, 'path leads into /proc')
    const handlePath = `${pathOfHandle(last(steps).handle)}/${name}`
    const handle = await open(handlePath, O_PATH | constants.O_NOFOLLOW)
    steps.push({ name, handle })
    if (!(await handle.stat()).isSymbolicLink()) continue
    await closeAll(steps.splice(-1))
    if (++links > MAX_LINKS) return refuse(steps, 'too many links')
    const target = decodeStrictUtf8(await readlink(handlePath, 'buffer'))
    if (target === undefined) return refuse(steps, 'link is not UTF-8')
    if (target.startsWith('/')) await closeAll(steps.splice(1))
    rest.unshift(...components(target))
  }
  return finish(steps)
}

async function finish(steps: Step[]): Promise<FoundFile | { readonly omitted: string }> {
  const { handle } = last(steps)
  const stats = await handle.stat({ bigint: true })
  if (!stats.isFile()) return refuse(steps, 'not a plain file')
  await closeAll(steps.slice(0, -1))
  return {
    path: steps.map((step) => step.name).join('/'),
    device: stats.dev,
    inode: stats.ino,
    handlePath: pathOfHandle(handle),
    close: () => handle.close(),
  }
}

async function refuse(steps: Step[], omitted: string): Promise<{ readonly omitted: string }> {
  await closeAll(steps)
  return { omitted }
}

async function closeAll(steps: Step[]): Promise<void> {
  await Promise.all(steps.map((step) => step.handle.close()))
}

function components(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

function pathOfHandle(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`
}

function last(steps: Step[]): Step {
  const step = steps.at(-1)
  if (step === undefined) throw new TypeError('the root folder is always the first step')
  return step
}
