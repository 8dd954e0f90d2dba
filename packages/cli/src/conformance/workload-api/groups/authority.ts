import { formatEndpointAddress } from '@countersign/workload-api'
import { type Check, hardening, skip } from '../check.ts'
import type { Probe } from '../probe.ts'
import { describeAnswer } from '../transport/ending.ts'
import { SECURITY_METADATA } from '../transport/grpc-connection.ts'

interface Variant {
  readonly id: string
  readonly title: string
  /** From the path of a Unix socket; `null` sends no `:authority`. */
  readonly authority: (path: string) => string | null
  readonly host?: string
}

/** What gRPC clients put into `:authority` when they call over a Unix socket, besides `localhost`, which all other checks send. */
const VARIANTS: readonly Variant[] = [
  { id: 'PATH', title: 'the path of the socket is served (grpc-java)', authority: (path) => path },
  { id: 'ENCODED', title: 'the encoded path is served (gRPC C core)', authority: (path) => encodeURIComponent(path) },
  {
    id: 'ENCODED-RELATIVE',
    title: 'the encoded path without its first slash is served (newer gRPC C core)',
    authority: (path) => encodeURIComponent(path.slice(1)),
  },
  { id: 'UNIX', title: '`unix:` and the path are served', authority: (path) => `unix:${path}` },
  { id: 'EMPTY', title: 'an empty `:authority` is served', authority: () => '' },
  { id: 'HOST', title: '`host` in its place is served', authority: () => null, host: 'localhost' },
  { id: 'ABSENT', title: 'no `:authority` and no `host` are served', authority: () => null },
]

/** The standards say nothing about it; a server that is choosy locks out whole languages. */
export const AUTHORITY_CHECKS: readonly Check[] = VARIANTS.map(({ id, title, authority, host }) =>
  hardening(`WE-AUTHORITY-${id}`, {
    title: `:authority: ${title}`,
    section: 'SPIFFE Workload Endpoint section 3 (any gRPC client)',
    needs: ['RPC-FETCH-X509-SVID'],
    expected: 'a message of FetchX509SVID',
    look: (probe) => askAs(probe, authority(socketPath(probe)), host),
  }),
)

/** On a connection of its own: servers close those that break their rules. */
function askAs(probe: Probe, authority: string | null, host: string | undefined): Promise<string | undefined> {
  const metadata = [...(host === undefined ? [] : ([['host', host]] as const)), ...SECURITY_METADATA]
  return probe.withConnection(async (connection) => {
    const call = connection.call('/SpiffeWorkloadAPI/FetchX509SVID', new Uint8Array(), { authority, metadata })
    const answer = await probe.firstAnswer('FetchX509SVID', call)
    return answer.message === undefined ? describeAnswer(answer) : undefined
  })
}

function socketPath({ options: { address } }: Probe): string {
  return address.kind === 'unix' ? address.path : skip(`${formatEndpointAddress(address)} is not a Unix socket`)
}
