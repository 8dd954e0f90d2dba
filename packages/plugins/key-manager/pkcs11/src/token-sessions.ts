import { type Clock, KeyManagerError, type Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { Cryptoki } from './cryptoki/cryptoki.ts'
import { CryptokiError } from './cryptoki/return-value.ts'
import { releaseModule, useModule } from './module-use.ts'
import type { TokenOptions } from './token.ts'
import { TokenConnection } from './token-connection.ts'
import { Turns } from './turns.ts'

export interface TokenSessionsOptions extends TokenOptions {
  /** Path of the PKCS #11 module. */
  readonly module: string
  /** How many calls the token may have at the same time. */
  readonly maxSessions: number
  readonly clock: Clock
  readonly log: Logger
}

/** An open session, for one caller at a time. */
export interface Session {
  readonly cryptoki: Cryptoki
  readonly handle: number
  /** Object handles are good as long as it is the same. */
  readonly connection: object
}

export interface UseOptions {
  /** How long the caller waits, for a session and for the token together. */
  readonly timeoutMs: number
  /** Whether it may be asked for a second time when the connection was lost in between. */
  readonly isRepeatable: boolean
}

const MAX_WAITING = 1024
const CLOSE_TIMEOUT_MS = 5000

/**
 * The sessions with one token: opened on demand, each lent to one caller at a time, all replaced when the token was away.
 * A PIN that was refused is not tried again.
 */
export class TokenSessions {
  readonly #options: TokenSessionsOptions
  readonly #turns: Turns
  #connection: Promise<TokenConnection> | undefined
  #module: Promise<Cryptoki> | undefined
  #refusedPin: KeyManagerError | undefined

  constructor(options: TokenSessionsOptions) {
    this.#options = options
    this.#turns = new Turns(options.maxSessions, MAX_WAITING)
  }

  /**
   * Lends a session to `job`.
   *
   * @throws KeyManagerError `ERR_KEY_MANAGER_TOKEN` with the CKR_ name in `detail`; also when the time is over, and then what
   *   was asked for may still happen
   * @throws KeyManagerError `ERR_KEY_MANAGER_MODULE`, `ERR_KEY_MANAGER_PIN`
   */
  use<T>({ timeoutMs, isRepeatable }: UseOptions, job: (session: Session) => Promise<T>): Promise<T> {
    const { clock, label } = this.#options
    return new Promise((resolve, reject) => {
      let isOver = false
      const cancel = clock.schedule(timeoutMs, () => {
        isOver = true
        reject(failure(`token "${label}" did not answer within ${timeoutMs / 1000} s`))
      })
      const once = () => this.#inTurn(job, () => isOver)
      once()
        .catch((error: unknown) => {
          if (error instanceof CryptokiError && error.isConnectionLost && isRepeatable && !isOver) return once()
          throw error
        })
        .catch((error: unknown) => {
          throw error instanceof CryptokiError ? this.#failed(error) : error
        })
        .then(resolve, reject)
        .finally(cancel)
    })
  }

  /** Waits for what is under way, for a while, and lets go of the token. */
  async close(): Promise<void> {
    const { clock, module, log } = this.#options
    this.#turns.close()
    const isIdle = await new Promise<boolean>((resolve) => {
      const cancel = clock.schedule(CLOSE_TIMEOUT_MS, () => resolve(false))
      void this.#turns.idle().then(() => {
        cancel()
        resolve(true)
      })
    })
    // Ending a module under a call of it would end the process.
    if (!isIdle) return log.warn({}, 'token does not answer, its module is left as it is')
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.lose()
    const isUsed = await this.#module?.then(
      () => true,
      () => false,
    )
    this.#module = undefined
    if (isUsed) await releaseModule(module)
  }

  async #inTurn<T>(job: (session: Session) => Promise<T>, isOver: () => boolean): Promise<T> {
    const turn = await this.#turns.begin()
    if (turn === 'full') throw failure('too many calls wait for the token')
    if (turn === 'closed') throw failure('token is not in use any more')
    try {
      // Nobody waits for it any more: what comes of it would only keep others waiting.
      if (isOver()) throw failure('time is over')
      return await this.#withSession(job)
    } finally {
      this.#turns.end()
    }
  }

  async #withSession<T>(job: (session: Session) => Promise<T>): Promise<T> {
    const connection = await this.#connect()
    try {
      const handle = await connection.take()
      try {
        return await job({ cryptoki: connection.cryptoki, handle, connection })
      } finally {
        connection.giveBack(handle)
      }
    } catch (error) {
      if (error instanceof CryptokiError && error.isConnectionUnusable) this.#lose(connection, error)
      throw error
    }
  }

  #connect(): Promise<TokenConnection> {
    this.#connection ??= this.#open().catch((error: unknown) => {
      // The next caller tries again: the token may be back.
      this.#connection = undefined
      if (errorCode(error) === 'ERR_KEY_MANAGER_PIN') this.#refusedPin = error as KeyManagerError
      throw error
    })
    return this.#connection
  }

  async #open(): Promise<TokenConnection> {
    if (this.#refusedPin !== undefined) throw this.#refusedPin
    this.#module ??= useModule(this.#options.module).catch((error: unknown) => {
      this.#module = undefined
      throw error
    })
    return TokenConnection.open(await this.#module, this.#options, this.#options.log)
  }

  #lose(connection: TokenConnection, { returned }: CryptokiError): void {
    if (connection.isLost) return
    this.#connection = undefined
    this.#options.log.warn({ token: this.#options.label, returned }, 'connection to token is lost, connecting anew')
    void connection.lose()
  }

  #failed(error: CryptokiError): KeyManagerError {
    return failure(`token "${this.#options.label}" failed`, error)
  }
}

function failure(message: string, cause?: CryptokiError): KeyManagerError {
  return new KeyManagerError('ERR_KEY_MANAGER_TOKEN', message, {
    cause,
    ...(cause === undefined ? {} : { detail: `${cause.call}: ${cause.returned}` }),
  })
}
