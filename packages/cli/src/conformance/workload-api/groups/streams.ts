import { holdsMandatoryFields, stateNames } from '../artefacts/response-content.ts'
import { type Check, hardening, must, skip } from '../check.ts'
import type { Probe } from '../probe.ts'
import { AUDIENCE } from '../probe.ts'
import {
  decodeResponse,
  encodeJwtSvidRequest,
  OPTIONAL_RPCS,
  RPC_NAMES,
  type RpcName,
  rpcPath,
  STREAM_RPCS,
} from '../rpcs.ts'
import { describeAnswer } from '../transport/ending.ts'
import type { GrpcCall } from '../transport/grpc-call.ts'

const NEEDS = ['RPC-FETCH-X509-SVID', 'RPC-FETCH-X509-BUNDLES', 'RPC-FETCH-JWT-BUNDLES']
const PARALLEL_STREAMS = 16
const MANDATORY_STREAMS = STREAM_RPCS.filter((name) => !OPTIONAL_RPCS.has(name))
/** A busy machine may be slow once, not each time. */
const PROMPT_TRIES = 3
const ORDER_TRIES = 4

/** How the streams behave, whatever is in them. SPIFFE Workload API section 4. */
export const STREAM_CHECKS: readonly Check[] = [
  must('WA-FIRST-MESSAGE', {
    title: 'the first message of a stream is sent without delay',
    section: 'SPIFFE Workload API section 4.3',
    needs: NEEDS,
    expected: 'a message of each stream within the time for it (--prompt)',
    look: (probe) => forEachStream(probe, promptly),
  }),
  must('WA-STREAM-STAYS-OPEN', {
    title: 'a stream is left open for later messages',
    section: 'SPIFFE Workload API section 4.3 and the service definition',
    needs: NEEDS,
    expected: 'no end with status OK while it is watched (--observe)',
    look: staysOpen,
  }),
  must('WA-FULL-STATE', {
    title: 'every message of a stream is the whole state',
    section: 'SPIFFE Workload API section 4.3',
    needs: NEEDS,
    expected: 'the mandatory fields in each message that comes while it is watched (--observe)',
    look: fullState,
  }),
  must('WA-STREAMS-AGREE', {
    title: 'two streams that are open at once tell the same state',
    section: 'SPIFFE Workload API section 4.3',
    needs: NEEDS,
    expected: 'the same identities and trust domains in the first message of both',
    look: (probe) => forEachStream(probe, agree),
  }),
  hardening('WA-PARALLEL-STREAMS', {
    title: 'many streams of one connection are served at once',
    section: 'SPIFFE Workload API section 4.2',
    needs: [...NEEDS, 'RPC-FETCH-JWT-SVID'],
    expected: `a first message on each of ${PARALLEL_STREAMS} streams, and an answer to a unary call beside them`,
    look: parallel,
  }),
  hardening('WA-STABLE-ORDER', {
    title: 'identities come in the same order each time: the first is the default one',
    section: 'SPIFFE Workload API section 8',
    needs: ['X509-SVIDS-NOT-EMPTY'],
    expected: 'the same order of SPIFFE IDs in each first message',
    look: stableOrder,
  }),
  must('WA-NO-UNKNOWN-FIELDS', {
    title: 'responses have no fields beyond the standard',
    section: 'SPIFFE Workload API section 2',
    needs: NEEDS,
    expected: 'only the fields of the published messages',
    look: noUnknownFields,
  }),
]

type StreamRpc = Exclude<RpcName, 'FetchJWTSVID' | 'ValidateJWTSVID'>

/** Every stream RPC this server has. */
async function forEachStream(
  probe: Probe,
  find: (probe: Probe, name: StreamRpc) => Promise<string | undefined>,
): Promise<string | undefined> {
  for (const name of STREAM_RPCS) {
    if (OPTIONAL_RPCS.has(name) && (await isMissing(probe, name))) continue
    const problem = await find(probe, name as StreamRpc)
    if (problem !== undefined) return `${name}: ${problem}`
  }
  return undefined
}

function isMissing(probe: Probe, name: RpcName): Promise<boolean> {
  return probe.remember(`is ${name} missing`, async () => (await probe.ask(name)).message === undefined)
}

async function promptly(probe: Probe, name: StreamRpc): Promise<string | undefined> {
  for (let attempt = 0; attempt < PROMPT_TRIES; attempt++) {
    const call = await probe.call(name)
    const { message } = await call.next(probe.patience.promptMs)
    call.cancel()
    if (message !== undefined) return undefined
  }
  return `no message within ${probe.patience.promptMs} ms, in ${PROMPT_TRIES} tries`
}

/** What a stream brought after its first message, and how it ended, if it did. */
interface Watched {
  readonly name: StreamRpc
  readonly isFirstWhole: boolean
  readonly later: readonly Uint8Array[]
  readonly ending?: string
}

/** All streams at once, watched once for all checks. */
function watchStreams(probe: Probe): Promise<readonly Watched[]> {
  return probe.remember('streams', async () => {
    const watched: Promise<Watched>[] = []
    await forEachStream(probe, async (_, name) => {
      watched.push(watch(probe, name, await probe.call(name)))
      return undefined
    })
    return Promise.all(watched)
  })
}

async function watch({ patience }: Probe, name: StreamRpc, call: GrpcCall): Promise<Watched> {
  const later: Uint8Array[] = []
  let answer = await call.next(patience.answerMs)
  const isFirstWhole = answer.message !== undefined && isWhole(name, answer.message)
  const until = performance.now() + patience.observeMs
  while (answer.message !== undefined) {
    answer = await call.next(Math.max(0, until - performance.now()))
    if (answer.message !== undefined) later.push(answer.message)
  }
  call.cancel()
  return { name, isFirstWhole, later, ...(answer.ending === undefined ? {} : { ending: answer.ending.name }) }
}

async function staysOpen(probe: Probe): Promise<string | undefined> {
  const ended = (await watchStreams(probe)).find(({ ending }) => ending === 'OK')
  return ended === undefined ? undefined : `${ended.name} ended with OK`
}

async function fullState(probe: Probe): Promise<string | undefined> {
  const streams = await watchStreams(probe)
  if (streams.every(({ later }) => later.length === 0)) {
    return skip(`nothing changed in ${probe.patience.observeMs} ms, so no stream sent a second message`)
  }
  for (const { name, isFirstWhole, later } of streams) {
    // What every message lacks is for the checks of its content.
    const partial = isFirstWhole ? later.findIndex((message) => !isWhole(name, message)) : -1
    if (partial !== -1) return `message ${partial + 2} of ${name} lacks a mandatory field`
  }
  return undefined
}

function isWhole(name: StreamRpc, message: Uint8Array): boolean {
  const response = decodeResponse(name, message)
  return response !== undefined && holdsMandatoryFields(response)
}

async function agree(probe: Probe, name: StreamRpc): Promise<string | undefined> {
  return probe.withConnection(async (other) => {
    const calls = [await probe.call(name), other.call(rpcPath(name), new Uint8Array())]
    const answers = await Promise.all(calls.map((call) => call.next(probe.patience.answerMs)))
    for (const call of calls) call.cancel()
    const [one, two] = answers.map((answer) => stateNames(probe.decode(name, answer)))
    const missing = [...(one ?? []), ...(two ?? [])].find((each) => !one?.has(each) || !two?.has(each))
    return missing === undefined ? undefined : `only one of two streams has ${missing}`
  })
}

function parallel(probe: Probe): Promise<string | undefined> {
  return probe.withConnection(async (connection) => {
    const names = Array.from(
      { length: PARALLEL_STREAMS },
      (_, index) => MANDATORY_STREAMS[index % MANDATORY_STREAMS.length],
    )
    const calls = names.map((name) => connection.call(rpcPath(name ?? 'FetchX509SVID'), new Uint8Array()))
    const answers = await Promise.all(calls.map((call) => call.next(probe.patience.answerMs)))
    const silent = answers.find(({ message }) => message === undefined)
    if (silent !== undefined) return `one of the streams got ${describeAnswer(silent)}`
    const unary = connection.call(rpcPath('FetchJWTSVID'), encodeJwtSvidRequest([AUDIENCE]))
    const answer = await unary.next(probe.patience.answerMs)
    return answer.message === undefined ? `FetchJWTSVID got ${describeAnswer(answer)} beside them` : undefined
  })
}

async function stableOrder(probe: Probe): Promise<string | undefined> {
  const first = (await probe.identities()).join(' ')
  if (!first.includes(' ')) return skip('this process has only one identity')
  for (let attempt = 0; attempt < ORDER_TRIES; attempt++) {
    const answer = await probe.ask('FetchX509SVID')
    const next = probe.decode('FetchX509SVID', answer).svids.map(({ spiffeId }) => spiffeId)
    if (next.join(' ') !== first) return 'another order'
  }
  return undefined
}

async function noUnknownFields(probe: Probe): Promise<string | undefined> {
  for (const name of RPC_NAMES) {
    if (OPTIONAL_RPCS.has(name) && (await isMissing(probe, name))) continue
    const response = probe.decode(name, await probe.ask(name, await probe.goodRequest(name)))
    const number = unknownField(response)
    if (number !== undefined) return `${name}: field number ${number}`
  }
  return undefined
}

function unknownField(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined
  const unknown = '$unknown' in value ? (value.$unknown as readonly { no: number }[] | undefined) : undefined
  return (
    unknown?.[0]?.no ??
    Object.values(value)
      .map(unknownField)
      .find((number) => number !== undefined)
  )
}
