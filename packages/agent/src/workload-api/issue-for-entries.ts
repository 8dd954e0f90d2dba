import type { Entry } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'
import type { Cached } from '../issuance/credential-cache.ts'
import { ServerCallError } from '../server-client/server-call-error.ts'
import type { AnswerContext } from './service-context.ts'

export interface IssuedForEntry<Credential> {
  readonly entry: Entry
  readonly credential: Credential
}

export interface IssuedForEntries<Credential> {
  readonly issued: readonly IssuedForEntry<Credential>[]
  /** When the first of them is to be renewed, or an entry ends. Epoch seconds. */
  readonly freshUntil: number
}

/**
 * One credential for each entry, in their order.
 *
 * An entry for which the server refuses one is left out, so that a single wrong entry does not take a program's other
 * identities away. Any other failure fails all: leaving an identity out tells the program that it was withdrawn.
 */
export async function issueForEntries<Credential>(
  { log }: AnswerContext,
  entries: readonly Entry[],
  issue: (entry: Entry) => Promise<Cached<Credential>>,
): Promise<IssuedForEntries<Credential>> {
  const results = await Promise.allSettled(entries.map(issue))
  const issued: IssuedForEntry<Credential>[] = []
  let freshUntil = Math.min(...entries.map((entry) => entry.expiresAt ?? Number.POSITIVE_INFINITY))
  let refusal: unknown
  for (const [index, result] of results.entries()) {
    const entry = entries[index]
    if (entry === undefined) continue
    if (result.status === 'fulfilled') {
      issued.push({ entry, credential: result.value.credential })
      freshUntil = Math.min(freshUntil, result.value.renewAt)
    } else {
      if (!isRefusal(result.reason)) throw result.reason
      logRefusal(log, entry, result.reason)
      refusal = result.reason
    }
  }
  if (issued.length === 0 && refusal !== undefined) throw refusal
  return { issued, freshUntil }
}

function isRefusal(error: unknown): error is ServerCallError {
  return error instanceof ServerCallError && error.code === 'ERR_AGENT_SERVER_REFUSED_REQUEST'
}

function logRefusal(log: Logger, entry: Entry, error: ServerCallError): void {
  const { code, detail } = error
  log.error({ entryId: entry.id, spiffeId: entry.spiffeId, code, detail }, 'server refused a credential of an entry')
}
