import { type ConnectOptions, WorkloadApiError } from '@countersign/workload-api'
import type { HeavyModules } from '../heavy-modules.ts'

/** What a fake Workload API answers: first messages of streams and results of calls. */
export interface PreparedMessages {
  readonly x509Svid?: object
  readonly x509Bundles?: object
  readonly jwtSvid?: object
  readonly jwtBundles?: object
  readonly witSvid?: object
  readonly witBundles?: object
}

export interface FakeWorkloadApi {
  readonly modules: Pick<HeavyModules, 'workloadApi'>
  readonly connections: readonly ConnectOptions[]
  readonly requests: readonly unknown[]
  /** How many of the connections were closed, and how many streams were left. */
  readonly closed: () => number
  readonly left: () => number
}

/** A Workload API client that answers as prepared, denies the rest, and notes how it was treated. */
export function fakeWorkloadApi(messages: PreparedMessages): FakeWorkloadApi {
  const connections: ConnectOptions[] = []
  const requests: unknown[] = []
  let closed = 0
  let left = 0
  const answer = (name: keyof PreparedMessages): object => {
    const message = messages[name]
    if (message === undefined) throw new WorkloadApiError('ERR_WORKLOAD_API_DENIED', 'no identity issued')
    return message
  }
  async function* stream(name: keyof PreparedMessages, request?: unknown) {
    requests.push(request)
    try {
      yield answer(name)
      yield { svids: 'the second message must never be read' }
    } finally {
      left += 1
    }
  }
  const connectWorkloadApi = (options: ConnectOptions) => {
    connections.push(options)
    return {
      address: String(options.address),
      fetchX509Svid: () => stream('x509Svid'),
      fetchX509Bundles: () => stream('x509Bundles'),
      fetchJwtSvid: async (request: unknown) => {
        requests.push(request)
        return answer('jwtSvid')
      },
      fetchJwtBundles: () => stream('jwtBundles'),
      fetchWitSvid: (request: unknown) => stream('witSvid', request),
      fetchWitBundles: () => stream('witBundles'),
      close: () => {
        closed += 1
      },
    }
  }
  const module = { connectWorkloadApi } as unknown as Awaited<ReturnType<HeavyModules['workloadApi']>>
  return {
    modules: { workloadApi: async () => module },
    connections,
    requests,
    closed: () => closed,
    left: () => left,
  }
}
