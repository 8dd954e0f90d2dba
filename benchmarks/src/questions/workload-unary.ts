/** What does a call of the Workload API cost the agent beside the same answer from a gRPC server that asks nothing? */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { openWhenServed } from '../bare-stream.ts'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toRow } from '../row.ts'
import { cpuSeconds, TrustDomain } from '../trust-domain.ts'

const PATH = '/SpiffeWorkloadAPI/FetchJWTSVID'
const IN_FLIGHT = 32
/** CPU time of another process is told in steps of 10 ms. */
const MIN_SLICE_MS = 1_000
const MAX_ROUNDS = 7
/** JWTSVIDRequest with the audience "bench". */
const REQUEST = Buffer.from([0x0a, 5, ...Buffer.from('bench')])

export async function workloadUnary(effort: Effort): Promise<readonly Row[]> {
  const domain = await TrustDomain.start()
  const bareSocket = join(domain.folder, 'bare.sock')
  const bare = fork(fileURLToPath(new URL('../bare-grpc-server.ts', import.meta.url)), [PATH, bareSocket])
  const clients: Client[] = []
  try {
    const invitation = await domain.invite('node')
    await domain.register(invitation.agentId, '/program')
    const agent = await domain.runAgent(invitation)
    const socket = String(invitation.config['socket'])
    const warm = await openWhenServed(socket)
    warm.close()
    await once(bare, 'message')
    const variant = (path: string, pid = 0) => {
      const client = new Client(`unix:${path}`, credentials.createInsecure())
      clients.push(client)
      return { measure: (milliseconds: number) => callsPerCpuSecond(client, pid, milliseconds) }
    }
    const measured = await interleave(
      { ours: variant(socket, agent.pid), limit: variant(bareSocket, bare.pid) },
      { rounds: Math.min(effort.rounds, MAX_ROUNDS), sliceMs: Math.max(effort.sliceMs, MIN_SLICE_MS) },
    )
    return [
      toRow(
        'Workload API call, FetchJWTSVID cached',
        measured,
        { peer: '-', limit: 'bare grpc-js unary' },
        { toLimit: 0.9 },
      ),
    ]
  } finally {
    for (const client of clients) client.close()
    bare.kill('SIGKILL')
    domain.stop()
  }
}

async function callsPerCpuSecond(client: Client, pid: number, milliseconds: number): Promise<number> {
  const before = cpuSeconds(pid)
  const end = performance.now() + milliseconds
  let calls = 0
  const worker = async () => {
    while (performance.now() < end) {
      await call(client)
      calls += 1
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  return calls / (cpuSeconds(pid) - before)
}

function call(client: Client): Promise<Buffer | undefined> {
  const metadata = new Metadata()
  metadata.set('workload.spiffe.io', 'true')
  const same = (bytes: Buffer) => bytes
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(PATH, same, same, REQUEST, metadata, (error, answer) => {
      if (error === null) resolve(answer)
      else reject(error)
    })
  })
}
