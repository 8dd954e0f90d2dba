import { IdentifierError } from '../identifier/identifier-error.ts'
import { parseOrigin, WorkloadId } from '../identifier/workload-id.ts'

/** A rule as an operator writes it. */
export interface IdentifierRule {
  /** A whole identifier; with `allowEntireOrigin` also an origin, `spiffe://example.org`. */
  readonly root: string
  /** The identifier itself, or it and everything below it. */
  readonly match: 'exact' | 'descendants'
  /** Lets `descendants` of an origin stand for each of its workloads. Default false. */
  readonly allowEntireOrigin?: boolean
}

/**
 * Tells whether an identifier is meant by a rule. It compares whole identifiers: a rule belongs to one scheme and one
 * trust domain, and a prefix ends where a path segment ends.
 *
 * It answers about a name only. Whether the caller may use that name is for the verification of its credential.
 *
 * @see draft-ietf-wimse-identifier, "Trust Domain Association" and "Wildcard and Prefix Matching"
 */
export class IdentifierMatcher {
  readonly #matches: (id: WorkloadId) => boolean

  private constructor(matches: (id: WorkloadId) => boolean) {
    this.#matches = matches
  }

  /** Meets one identifier. */
  static exact(id: WorkloadId): IdentifierMatcher {
    return new IdentifierMatcher((candidate) => candidate.equals(id))
  }

  /** Meets an identifier and those below it: of `/ns/db` also `/ns/db/a`, never `/ns/db-evil`. */
  static descendantsOf(root: WorkloadId): IdentifierMatcher {
    // With the slash, or the next segment could go on where the root ends. Only canonical paths exist, so none climbs back.
    const below = `${root}/`
    return new IdentifierMatcher((candidate) => candidate.equals(root) || candidate.toString().startsWith(below))
  }

  /**
   * Meets every workload of an origin, whoever is added to it later.
   *
   * @throws IdentifierError when it is not an origin
   */
  static entireOrigin(origin: string): IdentifierMatcher {
    parseOrigin(origin)
    return new IdentifierMatcher((candidate) => candidate.origin === origin)
  }

  /**
   * @throws IdentifierError `ERR_IDENTIFIER_PATH_MISSING` when the root is an origin and the rule does not allow that
   * @throws IdentifierError `ERR_IDENTIFIER_*` when the root is neither identifier nor origin
   */
  static parse({ root, match, allowEntireOrigin }: IdentifierRule): IdentifierMatcher {
    const isOriginAllowed = allowEntireOrigin === true && match === 'descendants'
    try {
      const id = WorkloadId.parse(root)
      return match === 'descendants' ? IdentifierMatcher.descendantsOf(id) : IdentifierMatcher.exact(id)
    } catch (error) {
      const isOrigin = error instanceof IdentifierError && error.code === 'ERR_IDENTIFIER_PATH_MISSING'
      if (!isOrigin || !isOriginAllowed) throw error
      return IdentifierMatcher.entireOrigin(root.endsWith('/') ? root.slice(0, -1) : root)
    }
  }

  matches(id: WorkloadId): boolean {
    return this.#matches(id)
  }
}
