import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NewEntry } from '@countersign/api'
import { freePort } from '../support/free-port.ts'
import type { SuiteContext } from '../support/interop-suite.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import { makeWebCertificate, type WebCertificate } from '../support/web-certificate.ts'
import { Partnership } from './partnership.ts'
import { type Peer, Peers } from './peers.ts'
import type { SpireBinaries } from './spire-build.ts'
import { SpireServer } from './spire-server.ts'

const OURS = 'ours.example'
const SPIRE = 'spire.example'

/** Two minutes, so that a successor signs while workloads talk; SPIRE hears of it in time with a poll every 15 s. */
const AUTHORITY_TTL_SECONDS = 120
/** Short, so that every workload soon shows what the newest authority has signed. */
export const SVID_TTL_SECONDS = 20

/** What is there before anybody trusts anybody. */
export interface Stage {
  readonly context: SuiteContext
  readonly binaries: SpireBinaries
  readonly folder: string
  readonly ours: InteropTrustDomain
  /** Not started yet. */
  readonly spire: SpireServer
  readonly partnership: Partnership
  readonly peers: Peers
  readonly webCertificate: WebCertificate
  /** The programs that are workloads on both sides, and what they are called. */
  readonly programs: readonly Program[]
}

export interface Program {
  readonly name: Peer['program']
  readonly command: Peer['command']
  /** What our agent knows the program by. */
  readonly selectors: NewEntry['selectors']
  /** What SPIRE's agent knows it by. */
  readonly spireSelector: string
}

/** Starts our side, and gets everything ready for SPIRE's. */
export async function setScene(context: SuiteContext, binaries: SpireBinaries, folder: string): Promise<Stage> {
  const ours = await context.startTrustDomain(OURS, {
    server: {
      authorities: { x509Ttl: AUTHORITY_TTL_SECONDS, jwtTtl: AUTHORITY_TTL_SECONDS },
      svids: { x509Ttl: SVID_TTL_SECONDS, jwtTtl: SVID_TTL_SECONDS, witTtl: SVID_TTL_SECONDS },
    },
  })
  const spire = new SpireServer(context.processes, {
    binary: binaries.server,
    folder: join(folder, 'server'),
    trustDomain: SPIRE,
    port: await freePort(),
    bundlePort: await freePort(),
    webRootsFile: ours.publicRootFile,
  })
  return {
    context,
    binaries,
    folder,
    ours,
    spire,
    partnership: new Partnership(ours, spire, folder),
    peers: new Peers(context.processes, folder),
    webCertificate: await makeWebCertificate(context.processes, folder),
    programs: await programs(binaries),
  }
}

async function programs(binaries: SpireBinaries): Promise<Program[]> {
  const node = await realpath(process.execPath)
  const script = fileURLToPath(new URL('./programs/peer.ts', import.meta.url))
  return [
    {
      name: 'sdk',
      command: [node, script],
      selectors: [{ type: 'unix', value: `script:path:${script}` }],
      spireSelector: `unix:path:${node}`,
    },
    {
      name: 'go-spiffe',
      command: [binaries.peer],
      selectors: [{ type: 'unix', value: `path:${binaries.peer}` }],
      spireSelector: `unix:path:${binaries.peer}`,
    },
  ]
}
