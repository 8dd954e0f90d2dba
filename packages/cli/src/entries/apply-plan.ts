import type { EntryBatch, EntryBatchResult } from '@countersign/api'
import type { AdminClient } from '../admin-client.ts'
import type { EntryPlan } from './plan-entries.ts'

/** The server takes no more steps at once, and no larger body than 256 KiB. */
const MAX_STEPS = 500
const MAX_BYTES = 200_000

type Step = { readonly bytes: number } & (
  | { readonly kind: 'create'; readonly item: NonNullable<EntryBatch['create']>[number] }
  | { readonly kind: 'replace'; readonly item: NonNullable<EntryBatch['replace']>[number] }
  | { readonly kind: 'delete'; readonly item: string }
)

/**
 * Carries a plan out, in batches that are each done whole or not at all. After a failure, planning again goes on from there.
 *
 * @param revision of the list that was planned on
 * @param onProgress steps that are done
 * @throws AdminProblem of the batch that was refused
 */
export async function applyPlan(
  client: AdminClient,
  plan: EntryPlan,
  revision: number,
  onProgress: (done: number) => void,
): Promise<void> {
  let basis = revision
  let done = 0
  for (const steps of batches(plan)) {
    const batch: EntryBatch = { revision: basis, create: [], replace: [], delete: [] }
    for (const step of steps) (batch[step.kind] as unknown[]).push(step.item)
    ;({ revision: basis } = await client.post<EntryBatchResult>('/v1/entries/batch', batch))
    done += steps.length
    onProgress(done)
  }
}

/** Deletions come first: what they free may be wanted by what is created. */
function* batches(plan: EntryPlan): Generator<readonly Step[]> {
  let steps: Step[] = []
  let bytes = 0
  for (const step of stepsOf(plan)) {
    if (steps.length > 0 && (steps.length === MAX_STEPS || bytes + step.bytes > MAX_BYTES)) {
      yield steps
      steps = []
      bytes = 0
    }
    steps.push(step)
    bytes += step.bytes
  }
  if (steps.length > 0) yield steps
}

function* stepsOf(plan: EntryPlan): Generator<Step> {
  const sizeOf = (item: unknown) => Buffer.byteLength(JSON.stringify(item)) + 1
  for (const { id } of plan.delete) yield { kind: 'delete', item: id, bytes: sizeOf(id) }
  for (const { id, entry } of plan.replace) {
    yield { kind: 'replace', item: { id, entry }, bytes: sizeOf({ id, entry }) }
  }
  for (const item of plan.create) yield { kind: 'create', item, bytes: sizeOf(item) }
}
