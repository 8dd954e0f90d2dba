import type { Clock, Logger } from '@countersign/plugin-kit'
import { buildCrl, errorCode } from '@countersign/protocol'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import type { CrlStore, DueCrl } from '../store/crl-store.ts'
import type { AuthorityFactory } from './authority-factory.ts'
import { BACKDATE_SECONDS } from './backdate.ts'

export interface CrlPublisherOptions {
  readonly store: CrlStore
  readonly factory: Pick<AuthorityFactory, 'loadKey'>
  readonly clock: Clock
  readonly log: Logger
  readonly gate: Pick<IssuanceGate, 'clockIsRight'>
}

/** Renewed at half of it, so that one that is out of date means a server that was away for half a day. */
export const CRL_VALIDITY_SECONDS = 86_400
/** Stays below the size that readers take. Far more than an honest node is ever given. */
const MAX_LISTED = 20_000

/**
 * Keeps a certificate revocation list of each X.509 authority: what it revoked, or that it has revoked nothing. It is
 * signed outside of the store's transaction, because a key may lie in another machine.
 */
export class CrlPublisher {
  readonly #options: CrlPublisherOptions
  /** Authorities whose list could not be signed, so that it is said once and not in every round. */
  readonly #failing = new Set<string>()
  #running: Promise<void> = Promise.resolve()

  constructor(options: CrlPublisherOptions) {
    this.#options = options
  }

  /** Publishes what is due. A list that cannot be signed is tried again with the next call; the others do not wait. */
  publishDue(): Promise<void> {
    const run = this.#running.then(() => this.#publishDue())
    this.#running = run.catch(() => {})
    return run
  }

  forgetExpired(): Promise<void> {
    const { store, clock } = this.#options
    return store.forgetExpired(clock.now())
  }

  async #publishDue(): Promise<void> {
    const { store, clock, log, gate } = this.#options
    if (!gate.clockIsRight()) return
    for (const due of await store.due(clock.now())) {
      const { id } = due.authority
      try {
        await this.#publish(due)
        this.#failing.delete(id)
      } catch (error) {
        if (!this.#failing.has(id)) {
          log.error({ authorityId: id, code: errorCode(error), err: error }, 'revocation list cannot be signed')
        }
        this.#failing.add(id)
      }
    }
  }

  async #publish({ authority, number, revoked }: DueCrl): Promise<void> {
    const { store, factory, clock, log } = this.#options
    const key = await factory.loadKey(authority)
    if (key === undefined || authority.certificate === undefined) throw new Error('key manager has no such key')
    if (revoked.length > MAX_LISTED) {
      const needs = 'another signing key: prepare and activate one, then taint and revoke this one'
      log.error(
        { authorityId: authority.id, revoked: revoked.length, listed: MAX_LISTED, needs },
        'revocation list is full',
      )
    }
    // As certificates are, for machines whose clocks are a little behind.
    const thisUpdate = clock.now() - BACKDATE_SECONDS
    const nextUpdate = thisUpdate + CRL_VALIDITY_SECONDS
    const crl = await buildCrl({
      issuer: { certificate: authority.certificate, key },
      revoked: revoked.slice(0, MAX_LISTED).map(({ serial, ...rest }) => ({
        ...rest,
        serial: Buffer.from(serial, 'hex'),
      })),
      ...{ thisUpdate, nextUpdate, number },
    })
    const der = Buffer.from(crl).toString('base64')
    await store.put({ authority_id: authority.id, number, this_update: thisUpdate, next_update: nextUpdate, der })
  }
}
