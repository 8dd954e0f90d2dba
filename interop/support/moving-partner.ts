import { setTimeout as pause } from 'node:timers/promises'
import { buildCaCertificate, formatSpiffeBundle, randomSerial } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import type { InteropTrustDomain } from './trust-domain.ts'

/** Whoever watches bundles must see the same of each for a while, and something new soon. */
const CHANGE_EVERY_MS = 1_500
const MINUTE = 60
const DAY = 86_400

/**
 * A foreign trust domain, of which the server is told a new certificate authority and new token keys again and again. So
 * every stream with its bundle has something to say, however late a client opens it.
 */
export class MovingPartner {
  readonly name: string
  readonly #domain: InteropTrustDomain
  readonly #ended = new AbortController()
  #sequence = 0
  /** How moving ended: with an error, or without one when it was stopped. */
  #moving: Promise<unknown> = Promise.resolve()

  private constructor(domain: InteropTrustDomain, name: string) {
    this.#domain = domain
    this.name = name
  }

  /** Returns when the server knows its first bundle, so that entries may name it in `federatesWith`. */
  static async start(domain: InteropTrustDomain, name: string): Promise<MovingPartner> {
    const partner = new MovingPartner(domain, name)
    await partner.#change()
    partner.#moving = partner.#move().catch((error: unknown) => error)
    return partner
  }

  /** @throws Error when the server refused one of the bundles */
  async stop(): Promise<void> {
    this.#ended.abort()
    const error = await this.#moving
    if (error !== undefined) throw error
  }

  async #move(): Promise<void> {
    const { signal } = this.#ended
    for (;;) {
      await pause(CHANGE_EVERY_MS, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      await this.#change()
    }
  }

  async #change(): Promise<void> {
    this.#sequence += 1
    const now = Math.floor(Date.now() / 1000)
    const key = generateSigningKey('ES256')
    const certificate = await buildCaCertificate({
      key,
      crypto: nodeCrypto,
      subject: { commonName: `authority ${this.#sequence}` },
      trustDomain: this.name,
      notBefore: now - MINUTE,
      notAfter: now + DAY,
      serial: randomSerial(nodeCrypto),
    })
    const bundle = {
      trustDomain: this.name,
      x509Authorities: [certificate],
      jwtAuthorities: [{ ...generateSigningKey('ES256').publicJwk, kid: `jwt-${this.#sequence}` }],
      witAuthorities: [{ ...generateSigningKey('ES256').publicJwk, kid: `wit-${this.#sequence}` }],
      sequence: this.#sequence,
    }
    const document = formatSpiffeBundle(bundle, () => key.publicJwk)
    await this.#domain.admin('PUT', `/v1/bundles/${this.name}`, document)
  }
}
