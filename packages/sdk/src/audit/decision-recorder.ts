import { problemOf } from '../verification/problem.ts'
import { type Decision, decisionOf, type Outcome } from './decision.ts'

/** Who is told of decisions. */
export interface DecisionOptions {
  /** Told of every decision, once. A request whose decision it does not take is answered 500. */
  readonly onDecision?: (decision: Decision) => void
  /** Told of what a policy or `onDecision` threw; the caller is told nothing but 500. Default: a process warning. */
  readonly onError?: (error: unknown) => void
}

/** Hands each decision on, and whatever was thrown that is not about the request. */
export class DecisionRecorder {
  readonly #options: DecisionOptions
  readonly #report: (error: unknown) => void

  /** @param name of the middleware, for the warning */
  constructor(options: DecisionOptions, name: string) {
    this.#options = options
    this.#report = options.onError ?? ((error) => warn(name, error))
  }

  /** @throws what `onDecision` threw */
  record(call: { readonly method: string; readonly target: string }, now: number, outcome: Outcome): void {
    if (outcome.failure !== undefined && problemOf(outcome.failure.error) === undefined) {
      this.#report(outcome.failure.error)
    }
    try {
      this.#options.onDecision?.(decisionOf(call, now, outcome))
    } catch (error) {
      this.#report(error)
      throw error
    }
  }
}

function warn(name: string, error: unknown): void {
  const reason = error instanceof Error ? (error.stack ?? error.message) : 'something that is no error was thrown'
  process.emitWarning(`${name} answered 500: ${reason}`, 'CountersignWarning')
}
