import type { WorkloadId } from '@countersign/protocol'

const responders = new WeakMap<object, WorkloadId>()

/** Who answered, where that was proved: by a signed response. `undefined` when nothing proved it. */
export function responderOf(response: object): WorkloadId | undefined {
  return responders.get(response)
}

export function noteResponder(response: object, id: WorkloadId): void {
  responders.set(response, id)
}
