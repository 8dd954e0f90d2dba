/** What a key's age, and what is above it, ask for: a pure plan, the next thing to do about one kind of authority. */
import type { Authority } from '../store/authority-store.ts'
import type { Standing } from './published-roots.ts'

export type RotationStep =
  | { readonly do: 'prepare' }
  | { readonly do: 'activate' | 'taint' | 'revoke' | 'remove'; readonly authority: Authority }

/** A successor is published from here on, so that everyone knows it when it begins to sign. Share of the lifetime. */
const PREPARE_AT = 1 / 2
/** And signs from here on. What is left is enough for what the predecessor signed last. */
const ACTIVATE_AT = 5 / 6

/**
 * One step; call again after it is done, until there is none. Doing a step twice, or after a crash, does no harm.
 *
 * @param authorities of one kind
 * @param propagationSeconds how long a successor should have been published before it signs: SPIFFE Federation advises
 *   three to five refresh hints
 * @param standingOf how each stands with an upstream
 */
export function planRotation(
  authorities: readonly Authority[],
  now: number,
  propagationSeconds: number,
  standingOf: (authority: Authority) => Standing = () => 'sound',
): RotationStep | undefined {
  const ended = authorities.find((authority) => authority.notAfter <= now)
  if (ended !== undefined) return { do: 'remove', authority: ended }
  const fallen = planFallen(authorities, now, propagationSeconds, standingOf)
  if (fallen !== undefined) return fallen
  const active = authorities.find((authority) => authority.state === 'active')
  const prepared = authorities.find((authority) => authority.state === 'prepared')
  if (active === undefined) return prepared ? { do: 'activate', authority: prepared } : { do: 'prepare' }
  const standing = standingOf(active)
  const lifetime = active.notAfter - active.notBefore
  const age = now - active.notBefore
  if (prepared === undefined) {
    return age >= lifetime * PREPARE_AT || standing !== 'sound' ? { do: 'prepare' } : undefined
  }
  // Nobody believes what the present one signs, so there is nothing to wait for.
  if (standing === 'withdrawn') return { do: 'activate', authority: prepared }
  const isDue = age >= lifetime * ACTIVATE_AT || (standing !== 'sound' && standingOf(prepared) === 'sound')
  // After an outage this keeps a new one from being used at once.
  const isPublished = now >= distributedAt(prepared, active, propagationSeconds)
  return isDue && isPublished ? { do: 'activate', authority: prepared } : undefined
}

/** For authorities that do not sign and whose upstream has turned from them. */
function planFallen(
  authorities: readonly Authority[],
  now: number,
  propagationSeconds: number,
  standingOf: (authority: Authority) => Standing,
): RotationStep | undefined {
  for (const authority of authorities) {
    const standing = standingOf(authority)
    if (standing === 'sound' || authority.state === 'active') continue
    if (authority.state === 'prepared') {
      // An upstream that signs by what it calls tainted would have new keys made without end.
      const isPatient = standing === 'tainted' && now < authority.notBefore + propagationSeconds
      if (!isPatient) return { do: 'remove', authority }
    } else if (standing === 'withdrawn') {
      return { do: 'revoke', authority }
    } else if (standing === 'tainted' && authority.taintedAt === undefined) {
      return { do: 'taint', authority }
    }
  }
  return undefined
}

/** When a prepared authority is known wherever the bundle is followed. Seconds since the epoch. */
export function distributedAt(prepared: Authority, active: Authority | undefined, propagationSeconds: number): number {
  if (active === undefined) return prepared.notBefore
  // Short-lived authorities cannot wait longer.
  const lifetime = active.notAfter - active.notBefore
  return prepared.notBefore + Math.min(propagationSeconds, lifetime * (1 - ACTIVATE_AT))
}

/**
 * When to plan again at the latest. Seconds since the epoch, after `now`: what was due before has been planned, or waits
 * for something other than the time.
 */
export function nextRotationAt(authorities: readonly Authority[], now: number): number {
  const boundaries = authorities.flatMap(({ notBefore, notAfter }) => {
    const lifetime = notAfter - notBefore
    return [notBefore + lifetime * PREPARE_AT, notBefore + lifetime * ACTIVATE_AT, notAfter]
  })
  return Math.min(...boundaries.filter((at) => at > now))
}
