/** Turns what the Linux kernel says about a process into selectors. */
import { readlink } from 'node:fs/promises'
import { basename, posix } from 'node:path'
import {
  AttestationError,
  type Clock,
  type Logger,
  type PeerProcess,
  type Selector,
  type WorkloadAttestor,
} from '@countersign/plugin-kit'
import { AccountNames } from './accounts/account-names.ts'
import { FileDigests } from './digest/file-digests.ts'
import { answerOf } from './host-fault.ts'
import { openInRoot } from './proc/open-in-root.ts'
import { type ExecutableLink, type ProcessSnapshot, processGone, takeSnapshot } from './proc/process-snapshot.ts'
import { decodeStrictUtf8 } from './proc/strict-utf8.ts'
import { findProgram } from './program/find-program.ts'
import { leadsTo } from './same-file.ts'
import { SelectorList } from './selector-list.ts'
import type { UnixConfig } from './unix-config.ts'

/** What the attestor looks at; the defaults are the machine's own. */
export interface UnixAttestorOptions {
  readonly config: UnixConfig
  readonly clock: Clock
  readonly log: Logger
  readonly procRoot?: string
  readonly passwdFile?: string
  readonly groupFile?: string
}

/** A process that changes its program or command line this often while being looked at is hiding something. */
const MAX_ATTEMPTS = 3
/** Each group is up to two selectors; the kernel allows 65536. */
const MAX_SUPPLEMENTARY_GROUPS = 1024
/** What the kernel appends to the path of a file that was unlinked or replaced. */
const DELETED = ' (deleted)'
const MODULE_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,255}$/u

export class UnixWorkloadAttestor implements WorkloadAttestor {
  readonly #config: UnixConfig
  readonly #log: Logger
  readonly #procRoot: string
  readonly #users: AccountNames
  readonly #groups: AccountNames
  readonly #digests: FileDigests

  constructor(options: UnixAttestorOptions) {
    this.#config = options.config
    this.#log = options.log
    this.#procRoot = options.procRoot ?? '/proc'
    this.#users = new AccountNames(options.passwdFile ?? '/etc/passwd', options.log)
    this.#groups = new AccountNames(options.groupFile ?? '/etc/group', options.log)
    this.#digests = new FileDigests(options.clock)
  }

  /**
   * Everything reported belongs to one program: a process can replace itself by another at any moment and keep its pid
   * and start time, so what was seen before is compared with what is seen after.
   *
   * @throws AttestationError `ERR_ATTESTATION_PROCESS_GONE` when the process ended, its pid changed hands, or it keeps
   *   replacing its program
   * @throws AttestationError `ERR_ATTESTATION_REFUSED` when it acts as another user or group than when it connected
   * @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` when the agent may not look at it at all
   */
  async attest(peer: PeerProcess, signal: AbortSignal): Promise<readonly Selector[]> {
    signal.throwIfAborted()
    const folder = `${this.#procRoot}/${peer.pid}`
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await takeSnapshot(folder, peer, signal)
      const selectors = await this.#gather(folder, peer, before, signal)
      const after = await takeSnapshot(folder, peer, signal)
      if (!peer.isAlive()) throw processGone('ended while being attested')
      if (before.fingerprint === after.fingerprint) return selectors
    }
    throw processGone('changes its program while being attested')
  }

  async #gather(
    folder: string,
    peer: PeerProcess,
    snapshot: ProcessSnapshot,
    signal: AbortSignal,
  ): Promise<readonly Selector[]> {
    const list = new SelectorList((selector, reason) =>
      this.#log.info({ pid: peer.pid, selector, reason }, 'selector omitted'),
    )
    await this.#addAccounts(list, peer, snapshot.supplementaryGroups)
    if ('unreadable' in snapshot.executable) {
      for (const name of ['path', 'sha256', 'script']) list.omit(name, `executable: ${snapshot.executable.unreadable}`)
      return list.toSelectors()
    }
    await this.#addExecutable(list, folder, snapshot.executable, peer.uid, signal)
    await this.#addProgram(list, folder, snapshot, snapshot.executable, peer.uid, signal)
    return list.toSelectors()
  }

  async #addAccounts(list: SelectorList, peer: PeerProcess, supplementary: readonly number[]): Promise<void> {
    await addNamed(list, ['uid', 'user'], peer.uid, this.#users)
    await addNamed(list, ['gid', 'group'], peer.gid, this.#groups)
    if (supplementary.length > MAX_SUPPLEMENTARY_GROUPS) {
      list.omit(
        'supplementary_gid',
        `${supplementary.length} groups, the first ${MAX_SUPPLEMENTARY_GROUPS} are reported`,
      )
    }
    for (const gid of supplementary.slice(0, MAX_SUPPLEMENTARY_GROUPS)) {
      await addNamed(list, ['supplementary_gid', 'supplementary_group'], gid, this.#groups)
    }
  }

  async #addExecutable(
    list: SelectorList,
    folder: string,
    executable: ExecutableLink,
    uid: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { target } = executable
    if (target === undefined) list.omit('path', 'not UTF-8')
    else if (target.endsWith(DELETED)) list.omit('path', 'the executable was deleted or replaced')
    else if (!target.startsWith('/')) list.omit('path', 'out of reach of the agent')
    else await this.#addPath(list, 'path', target, executable)

    if (this.#config.maxExecutableBytes === 0) return
    // Through the process, never by path: the name may lead to another file by now.
    const digest = await this.#digests.sha256(`${folder}/exe`, this.#config.maxExecutableBytes, signal, uid)
    if ('omitted' in digest) list.omit('sha256', digest.omitted)
    else if (digest.device !== executable.device || digest.inode !== executable.inode)
      list.omit('sha256', 'program changed')
    else list.add('sha256', digest.sha256)
  }

  async #addProgram(
    list: SelectorList,
    folder: string,
    { commandLine }: ProcessSnapshot,
    executable: ExecutableLink,
    uid: number,
    signal: AbortSignal,
  ): Promise<void> {
    const target = executable.target ?? ''
    const name = basename(target.endsWith(DELETED) ? target.slice(0, -DELETED.length) : target)
    const program = findProgram(name, commandLine)
    if (program === undefined) return
    if ('module' in program) {
      if (MODULE_NAME.test(program.module)) list.add('script:module', program.module)
      else list.omit('script:module', 'no name of a module')
      return
    }
    const path = await absolutePath(folder, program.script)
    if (path === undefined) list.omit('script', 'working folder cannot be read')
    else await this.#addScript(list, folder, path, uid, signal)
  }

  async #addScript(list: SelectorList, folder: string, path: string, uid: number, signal: AbortSignal): Promise<void> {
    const script = await openInRoot(`${folder}/root`, path)
    if ('omitted' in script) return list.omit('script', script.omitted)
    try {
      await this.#addPath(list, 'script:path', script.path, script)
      if (this.#config.maxScriptBytes === 0) return
      const digest = await this.#digests.sha256(script.handlePath, this.#config.maxScriptBytes, signal, uid)
      if ('omitted' in digest) list.omit('script:sha256', digest.omitted)
      else list.add('script:sha256', digest.sha256)
    } finally {
      await script.close()
    }
  }

  async #addPath(
    list: SelectorList,
    name: string,
    path: string,
    file: { readonly device: bigint; readonly inode: bigint },
  ): Promise<void> {
    if (this.#config.foreignPaths || (await leadsTo(path, file))) list.add(name, path)
    else list.omit(name, 'the path leads the agent to another file or none')
  }
}

async function addNamed(
  list: SelectorList,
  [idName, nameName]: readonly [string, string],
  id: number,
  names: AccountNames,
): Promise<void> {
  list.add(idName, id)
  const name = await names.nameOf(id)
  if (name !== undefined) list.add(nameName, name)
}

async function absolutePath(folder: string, script: string): Promise<string | undefined> {
  if (posix.isAbsolute(script)) return script
  try {
    const workingFolder = decodeStrictUtf8(await readlink(`${folder}/cwd`, 'buffer'))
    return workingFolder?.startsWith('/') === true ? `${workingFolder}/${script}` : undefined
  } catch (error) {
    answerOf(error)
    return undefined
  }
}

/** @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` on any system but Linux */
export function requireLinux(platform: string = process.platform): void {
  if (platform !== 'linux') {
    throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'workload attestor "unix" needs Linux')
  }
}
