import type { Clock, KeyManager } from '@countersign/plugin-kit'
import type { SigningKey } from '@countersign/protocol'
import { type ReadinessCheck, type Tracing, traced } from '@countersign/telemetry'
import type { ServerRecorder } from './server-recorder.ts'

export interface KeyManagerObservers {
  readonly recorder: ServerRecorder
  readonly tracing: Tracing
  readonly clock: Clock
}

/** A failure counts for so long: with nobody asking for signatures, nothing would ever show that it is over. */
const FAILURE_SECONDS = 60

/** A key manager whose signatures are measured, traced and, when they fail, remembered for `/ready`. */
export class ObservedKeyManager implements KeyManager {
  readonly #keyManager: KeyManager
  readonly #observers: KeyManagerObservers
  /** Epoch seconds. */
  #failedAt: number | undefined

  constructor(keyManager: KeyManager, observers: KeyManagerObservers) {
    this.#keyManager = keyManager
    this.#observers = observers
  }

  get readiness(): ReadinessCheck {
    return {
      name: 'key-manager',
      check: () => {
        const age = this.#failedAt === undefined ? FAILURE_SECONDS : this.#observers.clock.now() - this.#failedAt
        return age < FAILURE_SECONDS ? `key manager failed to sign ${age} seconds ago` : undefined
      },
    }
  }

  async createKey(...args: Parameters<KeyManager['createKey']>): Promise<SigningKey> {
    return this.#observed(await this.#keyManager.createKey(...args))
  }

  async getKey(name: string): Promise<SigningKey | undefined> {
    const key = await this.#keyManager.getKey(name)
    return key && this.#observed(key)
  }

  listKeys(): Promise<readonly string[]> {
    return this.#keyManager.listKeys()
  }

  deleteKey(name: string): Promise<void> {
    return this.#keyManager.deleteKey(name)
  }

  get isShared(): boolean {
    return this.#keyManager.isShared === true
  }

  async close(): Promise<void> {
    await this.#keyManager.close?.()
  }

  async backupFiles(): Promise<readonly string[] | undefined> {
    return this.#keyManager.backupFiles?.()
  }

  #observed(key: SigningKey): SigningKey {
    const { alg, publicJwk, signInPool } = key
    return {
      alg,
      publicJwk,
      sign: (data) => this.#sign(alg, () => key.sign(data)),
      ...(signInPool === undefined
        ? {}
        : { signInPool: async (data) => this.#sign(alg, () => signInPool.call(key, data)) }),
    }
  }

  /** A key that signs at once still does. */
  #sign(alg: string, sign: () => ReturnType<SigningKey['sign']>): ReturnType<SigningKey['sign']> {
    const { recorder, tracing } = this.#observers
    const seconds = recorder.stopwatch()
    const done = () => {
      this.#failedAt = undefined
      recorder.signed(seconds(), false)
    }
    const failed = (error: unknown): never => {
      this.#failedAt = this.#observers.clock.now()
      recorder.signed(seconds(), true)
      throw error
    }
    try {
      const signature = traced(tracing, 'key_manager.sign', { 'countersign.key.algorithm': alg }, sign)
      if (!(signature instanceof Promise)) {
        done()
        return signature
      }
      return signature.then((value) => {
        done()
        return value
      }, failed)
    } catch (error) {
      return failed(error)
    }
  }
}
