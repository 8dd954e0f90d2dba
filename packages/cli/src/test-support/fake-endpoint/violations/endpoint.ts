import { RPC_NAMES } from '../../../conformance/workload-api/rpcs.ts'
import { goodAnswer, refuse, unimplemented } from '../fake-answers.ts'
import type { FakeRequest } from '../fake-request.ts'
import { answering, isRpc, type Violation, type Violations } from './violation.ts'

const INTERNAL = 13
const UNAVAILABLE = 14
const UNAUTHENTICATED = 16
const HEADER = 'workload.spiffe.io'

const isUnnamed = ({ path }: FakeRequest) => RPC_NAMES.every((name) => path !== `/SpiffeWorkloadAPI/${name}`)

/** Takes a request for one with a good header when its own header is like that, for one RPC: every RPC is tried. */
function takingHeader(isTaken: (values: readonly string[], request: FakeRequest) => boolean): Violation {
  return (endpoint) =>
    endpoint.spoil((request) => {
      if (!isRpc(request, 'ValidateJWTSVID') || !isTaken(request.valuesOf(HEADER), request)) return undefined
      return goodAnswer(endpoint.world, { ...request, valuesOf: () => ['true'] })
    })
}

function refusingAuthority(isRefused: (authority: string | undefined, host: string | undefined) => boolean): Violation {
  return (endpoint) =>
    endpoint.spoil((request) => {
      const isCompressed = request.valuesOf('user-agent')[0] !== 'workload-api-conformance'
      return !isCompressed && isRefused(request.valuesOf(':authority')[0], request.valuesOf('host')[0])
        ? { messages: [], isReset: true }
        : undefined
    })
}

export const ENDPOINT_VIOLATIONS: Violations = {
  'WE-NO-TLS': (endpoint) => {
    endpoint.onConnection = (socket) => socket.destroy()
  },
  'WE-NO-CLIENT-CREDENTIALS': answering('FetchX509SVID', refuse(UNAUTHENTICATED)),
  'WE-GRPC': answering('FetchX509SVID', refuse(INTERNAL), ({ valuesOf }) =>
    /^grpc-node/.test(valuesOf('user-agent')[0] ?? ''),
  ),
  'WE-UNIX-SOCKET': (endpoint) => {
    endpoint.isOverTcp = true
  },
  'WE-UNKNOWN-METHOD': (endpoint) =>
    endpoint.spoil((request) =>
      isUnnamed(request) && request.path.startsWith('/SpiffeWorkloadAPI/') ? refuse(INTERNAL) : undefined,
    ),
  'WE-UNKNOWN-SERVICE': (endpoint) =>
    endpoint.spoil((request) => (request.path.startsWith('/conformance.') ? refuse(INTERNAL) : undefined)),
  'RPC-FETCH-X509-SVID': answering('FetchX509SVID', unimplemented()),
  'RPC-FETCH-X509-BUNDLES': answering('FetchX509Bundles', unimplemented()),
  'RPC-FETCH-JWT-SVID': answering('FetchJWTSVID', unimplemented()),
  'RPC-FETCH-JWT-BUNDLES': answering('FetchJWTBundles', unimplemented()),
  'RPC-VALIDATE-JWT-SVID': answering('ValidateJWTSVID', unimplemented()),
  'RPC-FETCH-WIT-SVID': answering('FetchWITSVID', refuse(INTERNAL)),
  'RPC-FETCH-WIT-BUNDLES': answering('FetchWITBundles', refuse(INTERNAL)),
  'WIT-ALL-OR-NOTHING': answering('FetchWITBundles', unimplemented()),
  'WE-METADATA-MISSING': takingHeader((values, { isAnonymous, valuesOf }) => {
    const hasSimilar = valuesOf('workload.spiffe').length + valuesOf('x-workload.spiffe.io').length > 0
    return values.length === 0 && !hasSimilar && !isAnonymous
  }),
  'WE-METADATA-VALUE': takingHeader(
    ([value, ...others]) => others.length === 0 && value !== undefined && value.toLowerCase() !== 'true',
  ),
  'WE-METADATA-CASE': takingHeader(([value]) => value?.toLowerCase() === 'true' && value !== 'true'),
  'WE-METADATA-NAME': takingHeader((_, { valuesOf }) => valuesOf('x-workload.spiffe.io').length > 0),
  'WE-METADATA-TWICE': takingHeader((values) => values.length > 1),
  'WE-REFLECTION': (endpoint) =>
    endpoint.spoil(({ path }) => (path.endsWith('ServerReflectionInfo') ? unimplemented() : undefined)),
  'WA-NOT-EXTENDED': (endpoint) =>
    endpoint.spoil((request, good) => {
      const isDescription =
        request.path.endsWith('ServerReflectionInfo') && request.message.includes('SpiffeWorkloadAPI')
      return isDescription
        ? { ...good(request), messages: [describeService('SpiffeWorkloadAPI', 'FetchMore')] }
        : undefined
    }),
  'WE-AUTHORITY-HOST': refusingAuthority((_, host) => host !== undefined),
  'WE-AUTHORITY-PATH': refusingAuthority((authority) => authority?.startsWith('/') === true),
  'WE-AUTHORITY-ENCODED': refusingAuthority((authority) => authority?.startsWith('%2F') === true),
  'WE-AUTHORITY-ENCODED-RELATIVE': refusingAuthority((authority) => /^[^%]+%2F/.test(authority ?? '')),
  'WE-AUTHORITY-UNIX': refusingAuthority((authority) => authority?.startsWith('unix:') === true),
  'WE-AUTHORITY-EMPTY': refusingAuthority((authority) => authority === ''),
  'WE-AUTHORITY-ABSENT': refusingAuthority((authority, host) => authority === undefined && host === undefined),
  'NI-X509-SVID': anonymously('FetchX509SVID'),
  'NI-X509-BUNDLES': anonymously('FetchX509Bundles'),
  'NI-JWT-SVID': anonymously('FetchJWTSVID'),
  'NI-JWT-BUNDLES': anonymously('FetchJWTBundles'),
  'NI-WIT-SVID': anonymously('FetchWITSVID'),
  'NI-WIT-BUNDLES': anonymously('FetchWITBundles'),
  'NI-VALIDATE': anonymously('ValidateJWTSVID'),
  'NI-NO-SVID': (endpoint) => {
    endpoint.spoil((request, good) =>
      request.isAnonymous && isRpc(request, 'FetchX509SVID') && request.valuesOf(HEADER).length > 0
        ? good({ ...request, isAnonymous: false })
        : undefined,
    )
  },
  'NI-METADATA': answering(
    'FetchX509SVID',
    refuse(7),
    ({ isAnonymous, valuesOf }) => isAnonymous && valuesOf(HEADER).length === 0,
  ),
}

function anonymously(name: string): Violation {
  return answering(name, refuse(UNAVAILABLE), ({ isAnonymous, valuesOf }) => isAnonymous && valuesOf(HEADER).length > 0)
}

/** A reflection answer with a file that declares one service of one method. */
function describeService(service: string, method: string): Uint8Array {
  const file = field(6, Buffer.concat([field(1, Buffer.from(service)), field(2, field(1, Buffer.from(method)))]))
  return field(4, field(1, file))
}

function field(number: number, octets: Buffer): Buffer {
  return Buffer.concat([Buffer.of(number * 8 + 2, octets.length), octets])
}
