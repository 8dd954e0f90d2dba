import type { Entry } from '@countersign/api'
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

/** What one program asks of the issuer at the same time. */
const AT_ONCE = 16

/**
 * One credential for each entry, in their order, of the oldest entries when there are too many.
 *
 * An entry for which the server refuses one is left out, so that a single wrong entry does not take a program's other
 * identities away. Any other failure fails all: leaving an identity out tells the program that it was withdrawn.
 */
export async function issueForEntries<Credential>(
  { log, maxIdentities }: Pick<AnswerContext, 'log' | 'maxIdentities'>,
  entries: readonly Entry[],
  issue: (entry: Entry) => Promise<Cached<Credential>>,
): Promise<IssuedForEntries<Credential>> {
  const chosen = entries.slice(0, maxIdentities)
  if (chosen.length < entries.length) {
    const fields = { entryId: entries[0]?.id, identities: entries.length, given: chosen.length }
    log.warn(fields, 'program has too many identities, those of the newest entries are left out')
  }
  const issued: IssuedForEntry<Credential>[] = []
  let freshUntil = Math.min(...entries.map((entry) => entry.expiresAt ?? Number.POSITIVE_INFINITY))
  let refusal: unknown
  for (const [index, result] of (await settleInTurn(chosen, issue)).entries()) {
    const entry = chosen[index]
    if (entry === undefined) continue
    if (result.status === 'fulfilled') {
      issued.push({ entry, credential: result.value.credential })
      freshUntil = Math.min(freshUntil, result.value.renewAt)
      continue
    }
    if (!isRefusal(result.reason)) throw result.reason
    refusal = result.reason
    const { code, detail } = result.reason
    log.error({ entryId: entry.id, spiffeId: entry.spiffeId, code, detail }, 'server refused a credential of an entry')
  }
  if (issued.length === 0 && refusal !== undefined) throw refusal
  return { issued, freshUntil }
}

/** A few at a time: thousands at once would fill the queue that all programs share. */
async function settleInTurn<In, Out>(
  inputs: readonly In[],
  run: (input: In) => Promise<Out>,
): Promise<PromiseSettledResult<Out>[]> {
  const results: PromiseSettledResult<Out>[] = []
  const next = inputs.entries()
  const worker = async () => {
    for (const [index, input] of next) {
      results[index] = await run(input).then(
        (value) => ({ status: 'fulfilled', value }),
        (reason: unknown) => ({ status: 'rejected', reason }),
      )
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, inputs.length) }, worker))
  return results
}

function isRefusal(error: unknown): error is ServerCallError {
  return error instanceof ServerCallError && error.code === 'ERR_AGENT_SERVER_REFUSED_REQUEST'
}
