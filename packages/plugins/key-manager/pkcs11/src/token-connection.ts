import type { Logger } from '@countersign/plugin-kit'
import type { Cryptoki } from './cryptoki/cryptoki.ts'
import { findToken, logIn, type TokenOptions } from './token.ts'

/** A login to a token, with the sessions that were opened under it. */
export class TokenConnection {
  readonly cryptoki: Cryptoki
  readonly #slot: number
  readonly #idle: number[]
  #isLost = false

  private constructor(cryptoki: Cryptoki, slot: number, session: number) {
    this.cryptoki = cryptoki
    this.#slot = slot
    this.#idle = [session]
  }

  /** @throws KeyManagerError as `findToken` and `logIn`, CryptokiError */
  static async open(cryptoki: Cryptoki, options: TokenOptions, log: Logger): Promise<TokenConnection> {
    const slot = await findToken(cryptoki, options.label)
    const session = await cryptoki.openSession(slot)
    try {
      await logIn(cryptoki, session, slot, options)
    } catch (error) {
      await cryptoki.closeSession(session).catch(() => {})
      throw error
    }
    log.info({ token: options.label }, 'logged in to token')
    return new TokenConnection(cryptoki, slot, session)
  }

  /** Whether a call said that nothing under this login works any more. */
  get isLost(): boolean {
    return this.#isLost
  }

  async take(): Promise<number> {
    return this.#idle.pop() ?? this.cryptoki.openSession(this.#slot)
  }

  giveBack(session: number): void {
    this.#idle.push(session)
    if (this.#isLost) void this.#closeIdle()
  }

  /** Closes its sessions, those that are lent when they come back. */
  async lose(): Promise<void> {
    this.#isLost = true
    await this.#closeIdle()
  }

  /** Closing may fail, and then there is nothing to close. */
  async #closeIdle(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((session) => this.cryptoki.closeSession(session).catch(() => {})))
  }
}
