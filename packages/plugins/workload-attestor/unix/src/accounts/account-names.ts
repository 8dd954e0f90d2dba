/** Names of users and groups from `/etc/passwd` and `/etc/group`, read without the C library's name services. */
import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type Logger, readLimited } from '@countersign/plugin-kit'
import { answerOf } from '../host-fault.ts'

const MAX_FILE_BYTES = 4_194_304
const NAME_FIELD = 0
const ID_FIELD = 2
/** What useradd(8) accepts at its most lenient; anything else would be ambiguous in a selector. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,254}\$?$/
const ID = /^(?:0|[1-9][0-9]{0,9})$/

/** One file of lines `name:password:id:…`, read again when it changes. Without it, nobody has a name. */
export class AccountNames {
  readonly #path: string
  readonly #log: Logger
  #version: string | undefined
  #names: ReadonlyMap<number, string> = new Map()

  constructor(path: string, log: Logger) {
    this.#path = path
    this.#log = log
  }

  /** The first name the file has for an id. @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` when it cannot be read now */
  async nameOf(id: number): Promise<string | undefined> {
    await this.#refresh()
    return this.#names.get(id)
  }

  async #refresh(): Promise<void> {
    try {
      const version = versionOf(await stat(this.#path, { bigint: true }))
      if (version === this.#version) return
      const { bytes, truncated } = await readLimited(this.#path, MAX_FILE_BYTES)
      if (truncated)
        this.#log.warn(
          { file: this.#path, maxBytes: MAX_FILE_BYTES },
          'account file is too large, names after the limit are unknown',
        )
      this.#names = parseAccounts(bytes.toString('utf8'))
      this.#version = version
    } catch (error) {
      answerOf(error)
      if (this.#version === 'unreadable') return
      this.#log.warn({ file: this.#path, error }, 'account file cannot be read, its names are unknown')
      this.#names = new Map()
      this.#version = 'unreadable'
    }
  }
}

/** Lines that are no account are skipped, as the C library does. */
export function parseAccounts(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  // The last piece is what follows the last line break: nothing, or a line that was cut.
  for (const line of text.split('\n').slice(0, text.endsWith('\n') ? -1 : undefined)) {
    const fields = line.split(':')
    const name = fields[NAME_FIELD] ?? ''
    const id = fields[ID_FIELD] ?? ''
    if (fields.length < 4 || !NAME.test(name) || !ID.test(id) || names.has(Number(id))) continue
    names.set(Number(id), name)
  }
  return names
}

function versionOf(stats: BigIntStats): string {
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':')
}
