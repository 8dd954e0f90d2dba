import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { type Check, hardening } from '../check.ts'
import { AUDIENCE, type Probe } from '../probe.ts'
import { encodeJwtSvidRequest, rpcPath } from '../rpcs.ts'
import { describeAnswer } from '../transport/ending.ts'
import { GrpcConnection, SECURITY_METADATA } from '../transport/grpc-connection.ts'

const SECTION = 'none: our own idea of a robust server'
const NEEDS = ['RPC-FETCH-X509-SVID']
const EMPTY = new Uint8Array()
const FETCH = rpcPath('FetchX509SVID')
/** Larger than any request, and than what gRPC servers take unless told otherwise. */
const HUGE_MESSAGE_BYTES = 8 * 1024 * 1024
const HUGE_FIELD_BYTES = 1024 * 1024
const STREAM_ROUNDS = 8
const STREAMS_PER_ROUND = 25
const CONNECTIONS = 24
const RESET_ROUNDS = 10
const RESETS_PER_ROUND = 30

/** What a hostile or clumsy client does. Each ends with a look whether others are still served. */
export const ROBUSTNESS_CHECKS: readonly Check[] = [
  check('RB-HUGE-METADATA', 'a megabyte of metadata does no harm', 'others are served afterwards', (probe) =>
    probe.withConnection(async (connection) => {
      const metadata = [...SECURITY_METADATA, ['x-conformance', 'x'.repeat(HUGE_FIELD_BYTES)] as const]
      const call = connection.call(FETCH, EMPTY, { metadata })
      await probe.firstAnswer('FetchX509SVID', call)
      return undefined
    }),
  ),
  check('RB-MALFORMED-MESSAGE', 'a request that is no message is refused', 'a status other than OK', async (probe) => {
    const answer = await probe.ask('FetchJWTSVID', Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0x7f, 0x00))
    return answer.ending === undefined || answer.ending.name === 'OK' ? describeAnswer(answer) : undefined
  }),
  check('RB-HUGE-MESSAGE', 'a request of 8 MiB is refused', 'a status other than OK, or a reset', (probe) =>
    probe.withConnection(async (connection) => {
      const request = encodeJwtSvidRequest([AUDIENCE, 'x'.repeat(HUGE_MESSAGE_BYTES)])
      const call = connection.call(rpcPath('FetchJWTSVID'), request)
      const answer = await probe.firstAnswer('FetchJWTSVID', call)
      return answer.ending === undefined || answer.ending.name === 'OK' ? describeAnswer(answer) : undefined
    }),
  ),
  check(
    'RB-HTTP1',
    'HTTP/1.1 is not served: forged requests often come that way',
    'no answer with status 200',
    (probe) =>
      withRawConnection(probe, async (connection) => {
        connection.write(
          `POST ${FETCH} HTTP/1.1\r\nHost: localhost\r\nworkload.spiffe.io: true\r\nContent-Length: 0\r\n\r\n`,
        )
        const { text } = await readUntilClosed(connection, probe.patience.answerMs)
        return /HTTP\/1\.[01] 200/.test(text) ? 'an answer with status 200' : undefined
      }),
  ),
  check('RB-GARBAGE', 'a connection that speaks no HTTP/2 is closed', 'a closed connection', (probe) =>
    withRawConnection(probe, async (connection) => {
      connection.write(Buffer.alloc(4096, 0x7f))
      const { isClosed } = await readUntilClosed(connection, probe.patience.answerMs)
      return isClosed ? undefined : 'it was left open'
    }),
  ),
  check(
    'RB-CANCEL',
    'a cancelled stream leaves the others of its connection alone',
    'messages on the other streams',
    (probe) =>
      probe.withConnection(async (connection) => {
        const [cancelled, kept] = [connection.call(FETCH, EMPTY), connection.call(FETCH, EMPTY)]
        await cancelled.next(probe.patience.answerMs)
        cancelled.cancel()
        const answers = [await probe.firstAnswer('FetchX509SVID', kept)]
        answers.push(await probe.firstAnswer('FetchX509SVID', connection.call(FETCH, EMPTY)))
        const silent = answers.find(({ message }) => message === undefined)
        return silent === undefined ? undefined : describeAnswer(silent)
      }),
  ),
  check('RB-MANY-STREAMS', '200 streams opened and closed do no harm', 'a message on each', (probe) =>
    probe.withConnection(async (connection) => {
      for (let round = 0; round < STREAM_ROUNDS; round++) {
        const calls = Array.from({ length: STREAMS_PER_ROUND }, () => connection.call(FETCH, EMPTY))
        const answers = await Promise.all(calls.map((call) => probe.firstAnswer('FetchX509SVID', call)))
        const silent = answers.find(({ message }) => message === undefined)
        if (silent !== undefined) return `in round ${round + 1} one got ${describeAnswer(silent)}`
      }
      return undefined
    }),
  ),
  check('RB-MANY-CONNECTIONS', '24 connections at once are served', 'a message on each', async (probe) => {
    const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => probe.newConnection()))
    const answers = await Promise.all(
      connections.map((connection) => probe.firstAnswer('FetchX509SVID', connection.call(FETCH, EMPTY))),
    )
    for (const connection of connections) connection.close()
    const silent = answers.find(({ message }) => message === undefined)
    return silent === undefined ? undefined : `one got ${describeAnswer(silent)}`
  }),
  check('RB-SLOW-READER', 'a client that never reads holds nobody up', 'others are served meanwhile', async (probe) => {
    const { dial } = probe.options
    const connection = await GrpcConnection.open(dial, probe.patience.answerMs, { initialWindowSize: 0 })
    for (let index = 0; index < STREAMS_PER_ROUND; index++) connection.call(FETCH, EMPTY, { isReading: false })
    const harm = await probe.harm()
    connection.close()
    return harm
  }),
  check('RB-HALF-REQUEST', 'a request that is never finished holds nobody up', 'others are served meanwhile', (probe) =>
    probe.withConnection(async (connection) => {
      connection.call(FETCH, undefined)
      return probe.harm()
    }),
  ),
  check('RB-RAPID-RESET', '300 streams opened and reset at once do no harm', 'others are served afterwards', (probe) =>
    probe.withConnection(async (connection) => {
      for (let round = 0; round < RESET_ROUNDS && !connection.isClosed; round++) {
        const calls = Array.from({ length: RESETS_PER_ROUND }, () => connection.call(FETCH, EMPTY))
        // Without a turn in between, the requests would be taken back before they were sent.
        await setImmediate()
        for (const call of calls) call.cancel()
      }
      return undefined
    }),
  ),
]

function check(
  id: string,
  title: string,
  expected: string,
  look: (probe: Probe) => Promise<string | undefined>,
): Check {
  return hardening(id, {
    title,
    section: SECTION,
    needs: NEEDS,
    expected,
    look: async (probe) => (await look(probe)) ?? probe.harm(),
  })
}

async function withRawConnection(
  probe: Probe,
  use: (connection: Duplex) => Promise<string | undefined>,
): Promise<string | undefined> {
  const connection = await probe.options.dial()
  connection.on('error', () => {})
  try {
    return await use(connection)
  } finally {
    connection.destroy()
  }
}

const MAX_READ = 4096

function readUntilClosed(connection: Duplex, timeoutMs: number): Promise<{ text: string; isClosed: boolean }> {
  return new Promise((resolve) => {
    let text = ''
    const finish = (isClosed: boolean) => {
      clearTimeout(timer)
      resolve({ text, isClosed })
    }
    const timer = setTimeout(() => finish(false), timeoutMs)
    connection.on('data', (chunk: Buffer) => {
      if (text.length < MAX_READ) text += chunk.toString('latin1')
    })
    connection.on('end', () => finish(true))
    connection.on('close', () => finish(true))
  })
}
