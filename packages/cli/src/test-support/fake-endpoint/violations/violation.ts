import type { FakeEndpoint } from '../fake-endpoint.ts'
import type { FakeAnswer, FakeRequest } from '../fake-request.ts'

/** Makes a good server break one requirement, and no other. */
export type Violation = (endpoint: FakeEndpoint) => void | Promise<void>

/** By the id of the check that must notice. */
export type Violations = Readonly<Record<string, Violation>>

export const isRpc = ({ path }: FakeRequest, name: string): boolean => path === `/SpiffeWorkloadAPI/${name}`

/** Whether the security header is there as it must be. */
export function hasHeader({ valuesOf }: FakeRequest): boolean {
  const values = valuesOf('workload.spiffe.io')
  return values.length === 1 && values[0] === 'true'
}

/** Another answer to the requests of one RPC that are like that. */
export function answering(
  name: string,
  answer: FakeAnswer | ((good: FakeAnswer) => FakeAnswer),
  isLikeThat: (request: FakeRequest) => boolean = hasHeader,
): Violation {
  return (endpoint) =>
    endpoint.spoil((request, good) => {
      if (!isRpc(request, name) || !isLikeThat(request)) return undefined
      return typeof answer === 'function' ? answer(good(request)) : answer
    })
}
