import type { Clock } from '@countersign/plugin-kit'
import { Readiness, type ReadinessCheck } from '@countersign/telemetry'
import type { Authorities } from '../issuance/authorities.ts'
import type { AuthorityKind } from '../store/authority-store.ts'
import type { Store } from '../store/store.ts'
import { lastChangeAt } from '../store/stored-facts.ts'

export interface ServerReadinessParts {
  readonly store: Store
  readonly authorities: Pick<Authorities, 'active' | 'kinds'>
  readonly clock: Clock
  readonly keyManager: ReadinessCheck
}

/** A write costs a disk its time: one answers for so long. */
const WRITE_FRESH_SECONDS = 5
/** What is left of an authority must be worth issuing from: this share of its life, but no more than this. */
const LEFT_SHARE = 1 / 20
const LEFT_SECONDS = 60
/** The clock of the server is set right in small steps. */
const CLOCK_TOLERANCE_SECONDS = 60
/** Before this program was written: a machine without a battery for its clock begins in 1970. 2026-01-01. */
const EARLIEST = 1_767_225_600

/** Whether the server can issue. Parts that know another reason why not add a check of their own. */
export function createServerReadiness({ store, authorities, clock, keyManager }: ServerReadinessParts): Readiness {
  const readiness = new Readiness({ clock })
  readiness.add(writableCheck(store, clock))
  for (const kind of authorities.kinds) readiness.add(authorityCheck(kind, authorities, clock))
  readiness.add(keyManager)
  readiness.add(clockCheck(store, clock))
  return readiness
}

/** A real write: a full or read-only disk shows at nothing less. */
function writableCheck(store: Store, clock: Clock): ReadinessCheck {
  let writtenAt = Number.NEGATIVE_INFINITY
  return {
    name: 'store',
    async check() {
      const age = clock.now() - writtenAt
      if (age >= 0 && age < WRITE_FRESH_SECONDS) return undefined
      await store.writeNothing()
      writtenAt = clock.now()
      return undefined
    },
  }
}

function authorityCheck(kind: AuthorityKind, authorities: Pick<Authorities, 'active'>, clock: Clock): ReadinessCheck {
  return {
    name: `authority-${kind}`,
    async check() {
      const { authority } = await authorities.active(kind)
      const left = authority.notAfter - clock.now()
      const needed = Math.min(LEFT_SECONDS, (authority.notAfter - authority.notBefore) * LEFT_SHARE)
      return left < needed ? `authority ${authority.id} ends in ${left} seconds and has no successor` : undefined
    },
  }
}

/** What is signed by a clock that is behind looks revoked, expired or not yet valid to others. */
function clockCheck(store: Store, clock: Clock): ReadinessCheck {
  return {
    name: 'clock',
    async check() {
      const now = clock.now()
      if (now < EARLIEST) return 'clock of this machine is years behind'
      const behind = ((await lastChangeAt(store)) ?? 0) - now
      return behind > CLOCK_TOLERANCE_SECONDS
        ? `clock is ${behind} seconds behind the newest change in the store`
        : undefined
    },
  }
}
