import { constants } from 'node:fs'
import { open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { Value } from 'typebox/value'
import type { AgentError } from '../agent-error.ts'
import type { Seal } from './seal.ts'
import { makeOwnSeal, OWN_KEY_FILE, openOwnSeal, openProvidedSeal } from './seal-key.ts'
import { StoredCredentials } from './stored-credentials.ts'
import { writePrivateFile } from './write-private-file.ts'

const FILE = 'credentials.sealed'
const GENERATION_FILE = 'credentials.generation'
const PURPOSE = 'workload credentials'
const MAX_FILE_BYTES = 64 * 1024 * 1024

/**
 * The credentials of workloads, sealed, in one file of the state folder.
 *
 * Each file has a generation, one more than the one before, and the newest is noted beside it: an older file that is put
 * back, as from a backup, is noticed and not used.
 *
 * Reading never fails: what is missing, damaged, older or sealed by another key counts as absent and is logged.
 */
export class SealedCredentials {
  readonly #folder: string
  readonly #isOwnKey: boolean
  readonly #log: Logger
  #seal: Seal
  #generation = 0
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(folder: string, isOwnKey: boolean, seal: Seal, log: Logger) {
    this.#folder = folder
    this.#isOwnKey = isOwnKey
    this.#seal = seal
    this.#log = log
  }

  /**
   * @param keyFile of the operator; without it the agent has a key of its own in the folder
   * @throws AgentError `ERR_AGENT_SEAL_KEY` when a key that is provided cannot be used
   */
  static async open(folder: string, keyFile: string | undefined, log: Logger): Promise<SealedCredentials> {
    if (keyFile !== undefined) return new SealedCredentials(folder, false, await openProvidedSeal(keyFile), log)
    const seal = await openOwnSeal(folder).catch((error) => {
      log.error({ code: errorCode(error), detail: (error as AgentError).detail }, 'seal key is made anew')
      return makeOwnSeal(folder)
    })
    return new SealedCredentials(folder, true, seal, log)
  }

  /** Removes what was saved when it was wanted. */
  static async discard(folder: string): Promise<void> {
    for (const name of [FILE, GENERATION_FILE, OWN_KEY_FILE]) await removeFile(join(folder, name))
  }

  /** @param owner the agent's SPIFFE ID */
  async load(owner: string): Promise<StoredCredentials | undefined> {
    const noted = await this.#readGeneration()
    this.#generation = noted
    const sealed = await this.#read()
    if (sealed === undefined) return undefined
    const plaintext = this.#seal.unseal(sealed, { purpose: PURPOSE, owner })
    if (plaintext === undefined)
      return this.#ignore('stored credentials are damaged or sealed by another key, not used')
    const stored = parse(plaintext)
    if (stored === undefined) return this.#ignore('stored credentials have another shape and are not used')
    if (stored.generation < noted) return this.#ignore('stored credentials are older than the last ones, not used')
    this.#generation = stored.generation
    return stored
  }

  /** @throws the system's error when it cannot be written; what was there before stays */
  save(owner: string, content: Omit<StoredCredentials, 'generation'>): Promise<void> {
    return this.#inTurn(async () => {
      const generation = this.#generation + 1
      const plaintext = Buffer.from(JSON.stringify({ generation, ...content }))
      const sealed = this.#seal.seal(plaintext, { purpose: PURPOSE, owner })
      plaintext.fill(0)
      await writePrivateFile(join(this.#folder, FILE), sealed)
      this.#generation = generation
      // Afterwards: a crash in between leaves a file that is newer than noted, which is fine.
      await writePrivateFile(join(this.#folder, GENERATION_FILE), `${generation}\n`)
    })
  }

  /** Makes everything that was ever saved unusable here, and with an own key any copy of it too. */
  wipe(): Promise<void> {
    return this.#inTurn(async () => {
      this.#generation += 1
      // First: whatever happens after this, the file that is there is older than noted.
      await writePrivateFile(join(this.#folder, GENERATION_FILE), `${this.#generation}\n`)
      await removeFile(join(this.#folder, FILE))
      if (this.#isOwnKey) this.#seal = await makeOwnSeal(this.#folder)
    })
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  #ignore(message: string): undefined {
    this.#log.error({ file: FILE }, message)
    return undefined
  }

  async #read(): Promise<Uint8Array | undefined> {
    try {
      const file = await open(
        join(this.#folder, FILE),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      )
      try {
        const { size } = await file.stat()
        return size > MAX_FILE_BYTES
          ? this.#ignore('stored credentials are too large, not used')
          : await file.readFile()
      } finally {
        await file.close()
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') this.#log.error({ file: FILE, reason: code }, 'stored credentials cannot be read')
      return undefined
    }
  }

  async #readGeneration(): Promise<number> {
    const text = await readFile(join(this.#folder, GENERATION_FILE), 'utf8').catch(() => '')
    return /^[0-9]{1,15}\n$/.test(text) ? Number(text) : 0
  }
}

async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

function parse(plaintext: Uint8Array): StoredCredentials | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(plaintext).toString('utf8'))
    return Value.Check(StoredCredentials, value) ? value : undefined
  } catch {
    return undefined
  }
}
