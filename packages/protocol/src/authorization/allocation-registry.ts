import type { WorkloadId } from '../identifier/workload-id.ts'
import { AllocationError } from './allocation-error.ts'
import { type Retirement, rejectUnretired } from './retirement.ts'

/** An identifier given to a principal: the logical workload, of which there may be many instances. */
export interface Allocation {
  readonly identifier: WorkloadId
  readonly principal: string
  /** Who gave it. For audit: it makes no identifier another one. */
  readonly issuer: string
}

/** The wish to give an identifier to another principal. */
export interface Reassignment {
  readonly identifier: WorkloadId
  readonly previousPrincipal: string
  readonly nextPrincipal: string
  /** Who gives it. */
  readonly issuer: string
  /** A person or rule of the trust domain wants this; it is not what happens when a name is free again. */
  readonly isIntentional: boolean
  readonly retirement: Retirement
}

/**
 * Which identifier belongs to which principal, over all issuers of an origin: a whole identifier names one principal at a
 * time. An allocation never ends by itself, so a name that somebody once had cannot silently become another's.
 *
 * @see draft-ietf-wimse-identifier, "Stability and Uniqueness" and "Identifier Reuse and Collision"
 */
export class AllocationRegistry {
  /** By identifier, oldest first: whoever reads old records must still find out who was meant. */
  readonly #history = new Map<string, readonly Allocation[]>()

  /**
   * Gives an identifier to a principal. Once more to the same principal, by whatever issuer, changes nothing.
   *
   * @throws AllocationError `ERR_ALLOCATION_PRINCIPAL` when the principal has no name
   * @throws AllocationError `ERR_ALLOCATION_TAKEN` when another principal has it
   */
  allocate(allocation: Allocation): void {
    const { identifier, principal } = allocation
    requirePrincipal(principal)
    const held = this.#current(identifier)
    if (held === undefined) this.#history.set(identifier.toString(), [{ ...allocation }])
    else if (held.principal !== principal) {
      throw new AllocationError('ERR_ALLOCATION_TAKEN', 'identifier belongs to another principal', {
        detail: `${identifier}, given by ${held.issuer}`,
      })
    }
  }

  /**
   * Gives an identifier that somebody has to somebody else. To the same principal it is no reassignment and changes
   * nothing, so that credentials can be renewed.
   *
   * @throws AllocationError `ERR_ALLOCATION_PRINCIPAL` when the next principal has no name
   * @throws AllocationError `ERR_ALLOCATION_UNKNOWN`, `ERR_ALLOCATION_HOLDER` when the previous principal does not have it
   * @throws AllocationError `ERR_ALLOCATION_NOT_INTENDED` when nobody decided it
   * @throws AllocationError `ERR_ALLOCATION_NOT_RETIRED` when something would still take the previous principal for the
   *   next one; `detail` names what
   */
  reassign(reassignment: Reassignment): void {
    const { identifier, previousPrincipal, nextPrincipal, issuer } = reassignment
    requirePrincipal(nextPrincipal)
    const held = this.#current(identifier)
    if (held === undefined) {
      throw new AllocationError('ERR_ALLOCATION_UNKNOWN', 'identifier belongs to nobody', { detail: `${identifier}` })
    }
    if (held.principal !== previousPrincipal) {
      throw new AllocationError('ERR_ALLOCATION_HOLDER', 'identifier does not belong to the previous principal', {
        detail: `${identifier}`,
      })
    }
    if (previousPrincipal === nextPrincipal) return
    if (reassignment.isIntentional !== true) {
      throw new AllocationError('ERR_ALLOCATION_NOT_INTENDED', 'nobody decided to give the identifier away', {
        detail: `${identifier}`,
      })
    }
    rejectUnretired(reassignment.retirement)
    this.#history.set(identifier.toString(), [
      ...this.history(identifier),
      { identifier, principal: nextPrincipal, issuer },
    ])
  }

  /** Whose identifier it is, `undefined` when it is nobody's yet. */
  principalOf(identifier: WorkloadId): string | undefined {
    return this.#current(identifier)?.principal
  }

  /** All who had it, oldest first. */
  history(identifier: WorkloadId): readonly Allocation[] {
    return this.#history.get(identifier.toString()) ?? []
  }

  #current(identifier: WorkloadId): Allocation | undefined {
    return this.history(identifier).at(-1)
  }
}

/** Without a name, two principals would be one. */
function requirePrincipal(principal: string): void {
  if (principal === '') throw new AllocationError('ERR_ALLOCATION_PRINCIPAL', 'principal has no name')
}
