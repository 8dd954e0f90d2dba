import { constants } from 'node:fs'
import { mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Der, SyncState, Timestamp, TrustDomainBundle, WorkloadId } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'
import { decodeBase64, encodeBase64 } from '@countersign/protocol'
import { importSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { AgentIdentity } from './agent-identity.ts'
import { writePrivateFile } from './write-private-file.ts'

const StoredIdentity = Type.Object({
  agentId: WorkloadId,
  chain: Type.Array(Der, { minItems: 1, maxItems: 8 }),
  /** PKCS#8. */
  privateKey: Der,
  issuedAt: Timestamp,
  expiresAt: Timestamp,
})

const StoredKey = Type.Object({ privateKey: Der })

const IDENTITY_FILE = 'agent-svid.json'
/** Not `bundle.json`, which is what operators like to call the bootstrap bundle they put in the same folder. */
const BUNDLE_FILE = 'trust-bundle.json'
const ATTEMPT_FILE = 'attestation-key.json'
const SYNC_FILE = 'sync.json'
const MAX_FILE_BYTES = 64 * 1024 * 1024
const GROUP_OR_OTHERS = 0o077

/**
 * What an agent keeps across restarts, each in a file of its own that only its owner can read.
 *
 * Reading never fails: what is missing, damaged or readable by others counts as absent, is logged, and the agent starts
 * as if it were new.
 */
export class StateStore {
  readonly #folder: string
  readonly #log: Logger
  readonly #waiting = new Map<string, { value: unknown; written: Promise<void> }>()
  #writing: Promise<void> = Promise.resolve()

  private constructor(folder: string, log: Logger) {
    this.#folder = folder
    this.#log = log
  }

  /** Creates the folder when missing. Others may pass through it (the socket may lie in it) but not list it. */
  static async open(folder: string, log: Logger): Promise<StateStore> {
    await mkdir(folder, { recursive: true, mode: 0o711 })
    return new StateStore(folder, log)
  }

  async loadIdentity(): Promise<AgentIdentity | undefined> {
    const stored = await this.#load(IDENTITY_FILE, StoredIdentity)
    if (stored === undefined) return undefined
    try {
      return {
        agentId: stored.agentId,
        chain: stored.chain.map(decodeBase64),
        key: importSigningKey({ pkcs8: decodeBase64(stored.privateKey) }, 'ES256'),
        issuedAt: stored.issuedAt,
        expiresAt: stored.expiresAt,
      }
    } catch {
      this.#log.error({ file: IDENTITY_FILE }, 'stored state is damaged and not used')
      return undefined
    }
  }

  saveIdentity(identity: AgentIdentity): Promise<void> {
    const { agentId, chain, key, issuedAt, expiresAt } = identity
    const stored = {
      agentId,
      chain: chain.map(encodeBase64),
      privateKey: encodeBase64(key.exportPkcs8()),
      issuedAt,
      expiresAt,
    }
    return this.#save(IDENTITY_FILE, stored)
  }

  /** The key of an attestation that was not answered, as when the agent was killed meanwhile. */
  async loadAttempt(): Promise<NodeSigningKey | undefined> {
    const stored = await this.#load(ATTEMPT_FILE, StoredKey)
    try {
      return stored && importSigningKey({ pkcs8: decodeBase64(stored.privateKey) }, 'ES256')
    } catch {
      this.#log.error({ file: ATTEMPT_FILE }, 'stored state is damaged and not used')
      return undefined
    }
  }

  saveAttempt(key: NodeSigningKey): Promise<void> {
    return this.#save(ATTEMPT_FILE, { privateKey: encodeBase64(key.exportPkcs8()) })
  }

  removeAttempt(): Promise<void> {
    return this.#remove(ATTEMPT_FILE)
  }

  loadBundle(): Promise<TrustDomainBundle | undefined> {
    return this.#load(BUNDLE_FILE, TrustDomainBundle)
  }

  saveBundle(bundle: TrustDomainBundle): Promise<void> {
    return this.#save(BUNDLE_FILE, bundle)
  }

  loadSync(): Promise<SyncState | undefined> {
    return this.#load(SYNC_FILE, SyncState)
  }

  saveSync(state: SyncState): Promise<void> {
    return this.#save(SYNC_FILE, state)
  }

  /** Forgets what the server said, so that a restart does not serve it. */
  removeSync(): Promise<void> {
    return this.#remove(SYNC_FILE)
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#writing
  }

  /** One write at a time; of several values that wait for their turn, only the last is written. */
  #save(name: string, value: unknown): Promise<void> {
    const waiting = this.#waiting.get(name)
    if (waiting !== undefined) {
      waiting.value = value
      return waiting.written
    }
    const turn = { value, written: Promise.resolve() }
    const write = () => {
      this.#waiting.delete(name)
      return writePrivateFile(join(this.#folder, name), JSON.stringify(turn.value))
    }
    turn.written = this.#writing.then(write, write)
    this.#waiting.set(name, turn)
    this.#writing = turn.written.catch(() => {})
    return turn.written
  }

  /** After what was to be written before. */
  #remove(name: string): Promise<void> {
    this.#waiting.delete(name)
    const remove = () =>
      unlink(join(this.#folder, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
    const removed = this.#writing.then(remove, remove)
    this.#writing = removed.catch(() => {})
    return removed
  }

  async #load<Schema extends TSchema>(name: string, schema: Schema): Promise<Static<Schema> | undefined> {
    try {
      const file = await open(
        join(this.#folder, name),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      )
      try {
        const { mode, size, uid } = await file.stat()
        if ((mode & GROUP_OR_OTHERS) !== 0 || uid !== process.geteuid?.()) {
          this.#log.error({ file: name }, 'stored state could be read or changed by other users and is not used')
          return undefined
        }
        const value: unknown = size > MAX_FILE_BYTES ? undefined : JSON.parse(await file.readFile('utf8'))
        if (Value.Check(schema, value)) return value
      } finally {
        await file.close()
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    }
    this.#log.error({ file: name }, 'stored state is damaged and not used')
    return undefined
  }
}
