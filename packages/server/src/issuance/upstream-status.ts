import type { UpstreamView } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode, WorkloadIdentityError } from '@countersign/protocol'
import type { Authority, AuthorityKind } from '../store/authority-store.ts'

/** As often a failure that goes on is said again. */
const REPEAT_SECONDS = 600
/** Of the lifetime of what signs at present: what is left then is the operator's last chance. */
const LAST_CHANCE = 1 / 6

interface Failure {
  readonly code: string
  readonly message: string
  readonly since: number
  reportedAt: number
  /** Whether it was the last chance when it was reported. */
  isLast: boolean
}

/** How the upstream has done lately, for operators: early enough, and with the time when it will be too late. */
export class UpstreamStatus {
  readonly #name: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #failures = new Map<string, Failure>()
  #lastSuccessAt: number | undefined

  constructor(name: string, clock: Clock, log: Logger) {
    this.#name = name
    this.#clock = clock
    this.#log = log
  }

  succeeded(what: string): void {
    this.#lastSuccessAt = this.#clock.now()
    if (this.#failures.delete(what)) this.#log.info({ upstream: this.#name, what }, 'upstream answers again')
  }

  /** @param active what goes on in place of what the upstream was asked for */
  failed(what: 'bundle' | AuthorityKind, error: unknown, active: Authority | undefined): void {
    const now = this.#clock.now()
    const code = errorCode(error) ?? 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE'
    const message = error instanceof Error ? error.message : ''
    const before = this.#failures.get(what)
    const isSame = before?.code === code
    const failure: Failure = {
      code,
      message,
      since: before?.since ?? now,
      reportedAt: before?.reportedAt ?? 0,
      isLast: before?.isLast ?? false,
    }
    this.#failures.set(what, failure)
    const isLast = active !== undefined && isLate(active, now)
    if (isSame && now < failure.reportedAt + REPEAT_SECONDS && isLast === before?.isLast) return
    failure.reportedAt = now
    failure.isLast = isLast
    const detail = error instanceof WorkloadIdentityError ? error.detail : undefined
    const fields = { upstream: this.#name, what, code, reason: message, detail, ...deadlineOf(active) }
    if (isLast) this.#log.error(fields, TEXT[what])
    else this.#log.warn(fields, TEXT[what])
  }

  view(): UpstreamView {
    const [failure] = [...this.#failures.values()].sort((a, b) => a.since - b.since)
    return {
      name: this.#name,
      ...(this.#lastSuccessAt !== undefined && { lastSuccessAt: this.#lastSuccessAt }),
      ...(failure !== undefined && {
        lastError: { code: failure.code, message: failure.message, since: failure.since },
      }),
    }
  }
}

const TEXT: Readonly<Record<'bundle' | AuthorityKind, string>> = {
  oauth: 'the next key of the token service could not be made, the present one signs on until it ends',
  bundle: 'upstream does not tell its bundle, the last one known stays published',
  x509: 'upstream did not sign the next certificate authority, the present one signs on until it ends',
  jwt: 'upstream did not publish the next key for JWT-SVIDs, the present one signs on until it ends',
  wit: 'upstream did not publish the next key for WIT-SVIDs, the present one signs on until it ends',
}

function deadlineOf(active: Authority | undefined): { readonly tooLateAt?: string } {
  return active === undefined ? {} : { tooLateAt: new Date(active.notAfter * 1000).toISOString() }
}

function isLate({ notBefore, notAfter }: Authority, now: number): boolean {
  return notAfter - now < (notAfter - notBefore) * LAST_CHANCE
}
