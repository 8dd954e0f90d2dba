import { refuse } from '../fake-answers.ts'
import type { FakeConnection } from '../fake-request.ts'
import { PARTNER } from '../fake-world.ts'
import { answering, isRpc, type Violations } from './violation.ts'

const UNAVAILABLE = 14
const HUGE = 512 * 1024

/** An unknown field, number 99. */
const EXTRA_FIELD = Uint8Array.of(0x98, 0x06, 0x01)

export const STREAM_VIOLATIONS: Violations = {
  'WA-FIRST-MESSAGE': answering('FetchX509Bundles', (good) => ({ ...good, delayMs: 600 })),
  'WA-STREAM-STAYS-OPEN': answering('FetchX509Bundles', (good) => ({ ...good, isOpen: false })),
  'WA-FULL-STATE': answering('FetchX509Bundles', (good) => ({
    ...good,
    messages: [...good.messages, new Uint8Array()],
  })),
  'WA-STREAMS-AGREE': (endpoint) => {
    const count = () => [...endpoint.connections].flatMap(({ open }) => open).filter(isBundles).length
    endpoint.spoil((request, good) => {
      // The second of two that are open, on another connection than the first.
      if (!isRpc(request, 'FetchX509Bundles') || count() < 2 || request.connection.begun > 1) return undefined
      const { bundles } = endpoint.world.x509Bundles
      const { [PARTNER]: partner, ...others } = bundles
      endpoint.world.x509Bundles.bundles = others
      const answer = good(request)
      endpoint.world.x509Bundles.bundles = bundles
      return answer
    })
  },
  'WA-PARALLEL-STREAMS': (endpoint) =>
    endpoint.spoil(({ connection }) =>
      connection.open.length > 10 && new Set(connection.open).size > 1 ? refuse(UNAVAILABLE) : undefined,
    ),
  'WA-STABLE-ORDER': (endpoint) =>
    endpoint.spoil((request, good) => {
      if (!isRpc(request, 'FetchX509SVID')) return undefined
      endpoint.world.x509.svids.reverse()
      return good(request)
    }),
  'WA-NO-UNKNOWN-FIELDS': answering('FetchJWTBundles', (good) => ({
    ...good,
    messages: good.messages.map((message) => new Uint8Array(Buffer.concat([message, EXTRA_FIELD]))),
  })),
  'RB-HUGE-METADATA': (endpoint) =>
    endpoint.spoil(({ fields }) => {
      if (fields.some(([, value]) => value.length > HUGE)) endpoint.failNext = 1
      return undefined
    }),
  'RB-MALFORMED-MESSAGE': (endpoint) =>
    endpoint.spoil((request, good) =>
      isRpc(request, 'FetchJWTSVID') && request.message[1] === 0xff
        ? good({ ...request, message: Buffer.from('0a0161', 'hex') })
        : undefined,
    ),
  'RB-HUGE-MESSAGE': (endpoint) =>
    endpoint.spoil((request, good) =>
      request.message.length > HUGE ? good({ ...request, message: Buffer.from('0a0161', 'hex') }) : undefined,
    ),
  'RB-HTTP1': (endpoint) => {
    endpoint.onOther = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  },
  'RB-GARBAGE': (endpoint) => {
    const { onOther } = endpoint
    let seen = 0
    endpoint.onOther = (socket) => {
      if (++seen === 1) onOther(socket)
    }
  },
  'RB-CANCEL': (endpoint) => {
    endpoint.onCancel = (connection) => {
      if (connection.begun === 2 && connection.cancelled === 1 && connection.open.length === 1) connection.drop()
    }
  },
  'RB-MANY-STREAMS': (endpoint) =>
    endpoint.spoil(({ connection }) =>
      connection.open.length > 20 && !isMixed(connection) ? refuse(UNAVAILABLE) : undefined,
    ),
  'RB-MANY-CONNECTIONS': (endpoint) =>
    endpoint.spoil(() => (endpoint.connections.size > 20 ? refuse(UNAVAILABLE) : undefined)),
  'RB-SLOW-READER': (endpoint) =>
    endpoint.spoil(({ connection }) => {
      const isHeldUp = [...endpoint.connections].some((each) => each !== connection && each.isSlowReader())
      return isHeldUp ? refuse(UNAVAILABLE) : undefined
    }),
  'RB-HALF-REQUEST': (endpoint) =>
    endpoint.spoil(({ connection }) => {
      const isHeldUp = [...endpoint.connections].some((each) => each !== connection && each.isWaiting())
      return isHeldUp ? refuse(UNAVAILABLE) : undefined
    }),
  'RB-RAPID-RESET': (endpoint) => {
    let harms = 0
    endpoint.onCancel = (connection) => {
      if (connection.begun > 250 && connection.paths.size === 1 && ++harms === 1) endpoint.failNext = 1
    }
  },
}

const isBundles = (path: string) => path.endsWith('FetchX509Bundles')
const isMixed = ({ open }: FakeConnection) => new Set(open).size > 1
