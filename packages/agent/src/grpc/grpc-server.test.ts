import { once } from 'node:events'
import { GrpcStatus, type ServerStreamingCall } from '@countersign/workload-api/server'
import { describe, expect, it } from 'vitest'
import { startTestServer, type TestHandlers } from '../test-support/grpc-test-server.ts'
import { FRAME, frame } from '../test-support/http2-frames.ts'
import { RawClient } from '../test-support/raw-client.ts'
import { eventually } from '../test-support/running-agent.ts'
import { frameMessage } from './message-frame.ts'

const message = (text: string) => frameMessage(Buffer.from(text))
const code = (name: keyof typeof GrpcStatus) => String(GrpcStatus[name])
const echo: TestHandlers = {
  unary: (call, answer) => answer(null, call.request),
  stream: (call) => {
    for (const word of call.request.split(' ')) call.write(word)
    call.end()
  },
  bidi: (call) => {
    call.on('data', (request: string) => void call.write(request))
    call.on('end', () => call.end())
  },
}

async function ask(handlers: TestHandlers, path: string, ...chunks: Buffer[]) {
  const server = await startTestServer(handlers)
  const call = (await server.connect()).call(path)
  for (const chunk of chunks) call.stream.write(chunk)
  call.stream.end()
  await call.closed
  return { ...server, call }
}

describe('a call that goes well', () => {
  it.each([
    ['/Test/Unary', ['a b'], ['a b']],
    ['/Test/Stream', ['a b'], ['a', 'b']],
    ['/Test/Bidi', ['a', 'b'], ['a', 'b']],
  ])('%s is answered with messages and the status OK', async (path, requests, answers) => {
    const { call } = await ask(echo, path, Buffer.concat(requests.map(message)))
    expect(call.messages).toEqual(answers)
    expect([call.httpStatus, call.status, call.message]).toEqual([200, '0', undefined])
  })

  it('may end without a message', async () => {
    const { call } = await ask({ stream: (each) => each.end() }, '/Test/Stream', message(''))
    expect([call.messages, call.status]).toEqual([[], '0'])
  })

  it('shows metadata, path and authority to the handler', async () => {
    const seen: unknown[] = []
    const { connect } = await startTestServer({
      unary: (call, answer) => {
        seen.push(call.metadata.get('X-One'), call.metadata.get('x-none'), call.getPath(), call.getHost())
        answer(null, '')
      },
    })
    const call = (await connect()).call('/Test/Unary', { 'x-one': '1', ':authority': 'stamp' })
    call.stream.end(message(''))
    await call.closed
    expect(seen).toEqual([['1'], [], '/Test/Unary', 'stamp'])
  })
})

describe('a request that is none of gRPC', () => {
  it.each([
    [405, { ':method': 'PUT' }],
    [415, { 'content-type': 'application/json' }],
  ])('gets the HTTP status %i', async (status, headers) => {
    const { connect } = await startTestServer(echo)
    const call = (await connect()).call('/Test/Unary', headers)
    call.stream.end(message('a'))
    await call.closed
    expect([call.httpStatus, call.status, call.messages]).toEqual([status, undefined, []])
  })

  it.each(['/Test/Other', '/Test/Unary/', '/', '/constructor'])('is UNIMPLEMENTED for the path %s', async (path) => {
    const { call } = await ask(echo, path, message('a'))
    expect([call.httpStatus, call.status]).toEqual([200, code('UNIMPLEMENTED')])
  })

  it('leaves the connection to others', async () => {
    const { connect } = await startTestServer(echo)
    const connection = await connect()
    const refused = connection.call('/Test/Other')
    await refused.closed
    const call = connection.call('/Test/Unary')
    call.stream.end(message('a'))
    await call.closed
    expect(call.messages).toEqual(['a'])
  })
})

describe('requests in the wrong number or form', () => {
  it.each([
    ['none for one', '/Test/Unary', [], 'UNIMPLEMENTED'],
    ['none for many', '/Test/Stream', [], 'UNIMPLEMENTED'],
    ['two', '/Test/Unary', [message('a'), message('b')], 'UNIMPLEMENTED'],
    ['two in one chunk', '/Test/Stream', [Buffer.concat([message('a'), message('b')])], 'UNIMPLEMENTED'],
    ['half', '/Test/Unary', [message('abc').subarray(0, 6)], 'INTERNAL'],
    ['half after a whole one', '/Test/Bidi', [message('a'), Buffer.of(0)], 'INTERNAL'],
    ['too long', '/Test/Unary', [message('x'.repeat(1001))], 'RESOURCE_EXHAUSTED'],
    ['too long, of many', '/Test/Bidi', [message('x'.repeat(1001))], 'RESOURCE_EXHAUSTED'],
    ['of a wrong flag', '/Test/Unary', [Buffer.of(1, 0, 0, 0, 0)], 'INTERNAL'],
  ] as const)('%s', async (_, path, chunks, status) => {
    const { call, log } = await ask(echo, path, ...chunks)
    expect(call.status).toBe(code(status))
    expect(log.records).toEqual([])
  })

  it('does not start the handler before the client says that there are no more', async () => {
    let started = 0
    const { connect } = await startTestServer({
      unary: (call, answer) => {
        started += 1
        answer(null, call.request)
      },
    })
    const connection = await connect()
    const [open, whole] = [connection.call('/Test/Unary'), connection.call('/Test/Unary')]
    open.stream.write(message('open'))
    whole.stream.end(message('whole'))
    await whole.closed
    expect(started).toBe(1)
    open.stream.end()
    await open.closed
    expect(open.messages).toEqual(['open'])
  })

  it.each(['/Test/Unary', '/Test/Stream'])('%s waits for the request, but not for ever', async (path) => {
    let started = 0
    const { connect, clock } = await startTestServer({ unary: () => void started++, stream: () => void started++ })
    const connection = await connect()
    const [silent, half] = [connection.call(path), connection.call(path)]
    half.stream.write(message('abc').subarray(0, 6))
    // The server has both once it has answered a call that came after them.
    const later = connection.call('/Test/Other')
    await later.closed
    await clock.advance(29)
    expect([silent.status, half.status]).toEqual([undefined, undefined])
    await clock.advance(1)
    await Promise.all([silent.closed, half.closed])
    expect([silent.status, half.status]).toEqual(Array(2).fill(code('DEADLINE_EXCEEDED')))
    expect(started).toBe(0)
  })

  it('a request that has come is answered however long that takes, and leaves no timer', async () => {
    let finish = () => {}
    const { connect, clock } = await startTestServer({
      unary: (call, answer) => {
        finish = () => answer(null, call.request)
      },
    })
    const call = (await connect()).call('/Test/Unary')
    call.stream.end(message('a'))
    await eventually(() => {
      finish()
      return call.messages.length === 1
    })
    await call.closed
    await clock.advance(3600)
    expect([call.messages, call.status]).toEqual([['a'], '0'])
  })

  it('stops a client that goes on sending to a call that has failed, after the status', async () => {
    const { connect } = await startTestServer(echo)
    const call = (await connect()).call('/Test/Unary')
    call.stream.write(message('x'.repeat(1001)))
    // Never ends its half.
    await call.closed
    expect([call.status, call.stream.rstCode]).toEqual([code('RESOURCE_EXHAUSTED'), 0])
  })

  it('stops a client whose stream fails after messages, after the status', async () => {
    const { connect } = await startTestServer({
      bidi: (call) => {
        call.on('data', () => {
          call.write('first')
          call.emit('error', { code: GrpcStatus.UNAVAILABLE, details: 'Später' })
        })
      },
    })
    const call = (await connect()).call('/Test/Bidi')
    call.stream.write(message('a'))
    await call.closed
    expect([call.messages, call.status, call.message, call.stream.rstCode]).toEqual([
      ['first'],
      code('UNAVAILABLE'),
      'Sp%C3%A4ter',
      0,
    ])
  })
})

describe('a handler', () => {
  it('that fails ends the call with its status', async () => {
    const failure = { code: GrpcStatus.PERMISSION_DENIED, details: 'no\nidentity' }
    const { call } = await ask({ unary: (_, answer) => answer(failure) }, '/Test/Unary', message(''))
    expect([call.status, call.message]).toEqual([code('PERMISSION_DENIED'), 'no%0Aidentity'])
  })

  it('that throws ends one call and tells the client nothing', async () => {
    const broken = () => {
      throw new Error('secret')
    }
    for (const [path, handlers] of [
      ['/Test/Unary', { unary: broken }],
      ['/Test/Stream', { stream: broken }],
      ['/Test/Bidi', { bidi: broken }],
    ] as const) {
      const { call, log } = await ask(handlers, path, message(''))
      expect([call.status, call.message]).toEqual([code('INTERNAL'), 'internal error'])
      expect(log.with('gRPC call failed')).toHaveLength(1)
    }
  })

  it.each(['unary', 'stream'] as const)('that answers with what is no message ends one call: %s', async (kind) => {
    const noMessage = Symbol('no message') as unknown as string
    const handlers: TestHandlers = {
      unary: (_, answer) => void setImmediate(() => answer(null, noMessage)),
      stream: (call) => void call.write(noMessage),
    }
    const { call } = await ask(handlers, kind === 'unary' ? '/Test/Unary' : '/Test/Stream', message(''))
    expect(call.status).toBe(code('INTERNAL'))
  })

  it('that fails twice is heard once', async () => {
    const { call } = await ask(
      {
        stream: (each) => {
          each.emit('error', { code: GrpcStatus.UNAVAILABLE, details: 'one' })
          each.emit('error', { code: GrpcStatus.INTERNAL, details: 'two' })
          each.end()
        },
      },
      '/Test/Stream',
      message(''),
    )
    expect([call.status, call.message]).toEqual([code('UNAVAILABLE'), 'one'])
  })

  it('that answers twice is heard once', async () => {
    const { call } = await ask(
      {
        unary: (_, answer) => {
          answer(null, 'one')
          answer(null, 'two')
          answer({ code: GrpcStatus.INTERNAL, details: 'three' })
        },
      },
      '/Test/Unary',
      message(''),
    )
    expect([call.messages, call.status]).toEqual([['one'], '0'])
  })
})

describe('the end of a call from outside', () => {
  const hold = () => {
    const events: string[] = []
    const calls: ServerStreamingCall<string, string>[] = []
    const handlers: TestHandlers = {
      stream: (call) => {
        calls.push(call)
        for (const event of ['cancelled', 'close']) call.on(event, () => void events.push(event))
      },
    }
    return { events, calls, handlers }
  }

  it.each([
    ['the client resets the stream', (call: { stream: { close(code: number): void } }) => call.stream.close(8)],
    [
      'the connection is lost',
      (call: { stream: { session?: { destroy(): void } | undefined } }) => call.stream.session?.destroy(),
    ],
  ])('reaches the handler when %s', async (_, end) => {
    const { events, calls, handlers } = hold()
    const { connect } = await startTestServer(handlers)
    const call = (await connect()).call('/Test/Stream')
    call.stream.end(message(''))
    await eventually(() => calls.length === 1)
    end(call)
    await eventually(() => events.length === 2, 'the handler hears of it')
    expect(events).toEqual(['cancelled', 'close'])
    let isDone = false
    calls[0]?.write('late', () => {
      isDone = true
    })
    await eventually(() => isDone, 'a write ends too')
  })

  it('reaches the handler when the server closes', async () => {
    const { events, calls, handlers } = hold()
    const { connect, server } = await startTestServer(handlers)
    const call = (await connect()).call('/Test/Stream')
    call.stream.end(message(''))
    await eventually(() => calls.length === 1)
    server.close()
    await call.closed
    await eventually(() => events.length === 2)
    expect(events).toEqual(['cancelled', 'close'])
  })

  it('comes with the deadline, and no earlier', async () => {
    const { events, calls, handlers } = hold()
    const { connect, clock } = await startTestServer(handlers)
    const call = (await connect()).call('/Test/Stream', { 'grpc-timeout': '3S' })
    call.stream.end(message(''))
    await eventually(() => calls.length === 1)
    await clock.advance(2)
    expect(events).toEqual([])
    await clock.advance(1)
    await call.closed
    expect(call.status).toBe(code('DEADLINE_EXCEEDED'))
    expect(events).toContain('cancelled')
  })

  it('leaves no timer behind', async () => {
    const { connect, clock } = await startTestServer(echo)
    const connection = await connect()
    const before = clock.pendingTimers
    const call = connection.call('/Test/Unary', { 'grpc-timeout': '3S' })
    call.stream.end(message(''))
    await call.closed
    await eventually(() => clock.pendingTimers === before)
  })
})

describe('a client that asks for more than it reads', () => {
  it('is answered as far as it reads, and not read from meanwhile', async () => {
    let asked = 0
    const { connect } = await startTestServer({
      bidi: (call) => {
        call.on('data', () => {
          asked += 1
          if (call.write('x'.repeat(50_000))) return
          call.pause()
          call.once('drain', () => call.resume())
        })
        call.on('end', () => call.end())
      },
    })
    const call = (await connect()).call('/Test/Bidi')
    call.stream.pause()
    call.stream.end(Buffer.concat(Array.from({ length: 40 }, () => message('more'))))
    await eventually(() => asked > 0)
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    // Whatever fits into the windows, and no more.
    expect(asked).toBeLessThan(20)
    call.stream.resume()
    await call.closed
    expect([asked, call.messages.length, call.status]).toEqual([40, 40, '0'])
  })

  it('keeps one writer waiting, until it is gone', async () => {
    let isDone = false
    const { connect } = await startTestServer({
      stream: (call) => {
        call.write('x'.repeat(500_000), () => {
          isDone = true
        })
      },
    })
    const call = (await connect()).call('/Test/Stream')
    call.stream.pause()
    call.stream.end(message(''))
    await once(call.stream, 'response')
    expect(isDone).toBe(false)
    call.stream.close(8)
    await eventually(() => isDone)
  })
})

describe('a hostile connection', () => {
  it.each([
    ['settings', () => frame(FRAME.settings, 0, 0)],
    ['pings', () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
    ['settings of many values', () => frame(FRAME.settings, 0, 0, Buffer.alloc(6 * 100))],
  ])('that sends %s without end, and reads no answer, is cut off', async (_, next) => {
    const { socketPath, connect } = await startTestServer(echo)
    const client = await RawClient.connect(socketPath)
    client.socket.pause()
    const sent = await client.sendUntilRefused(() => Buffer.concat(Array.from({ length: 100 }, next)), 64 * 1024 * 1024)
    expect(sent).toBeLessThan(64 * 1024 * 1024)
    const call = (await connect()).call('/Test/Unary')
    call.stream.end(message('a'))
    await call.closed
    expect(call.messages).toEqual(['a'])
  })

  it.each(['/Test/Unary', '/Test/Stream', '/Test/Bidi', '/Test/Other'])(
    'that opens streams and resets them without end is cut off: %s',
    async (path) => {
      const { socketPath } = await startTestServer(echo)
      const client = (await RawClient.connect(socketPath)).read()
      let id = -1
      const reset = () => {
        id += 2
        return Buffer.concat([
          client.request({ ':path': path }),
          frame(FRAME.reset, 0, id, Buffer.of(0, 0, 0, id % 4 === 1 ? 0 : 8)),
        ])
      }
      await client.sendUntilRefused(reset, 8 * 1024 * 1024)
      expect(client.isClosed).toBe(true)
      expect(client.framesOf(FRAME.goaway).length).toBeGreaterThan(0)
    },
  )

  it('has a hundred streams at most', async () => {
    let open = 0
    const { socketPath } = await startTestServer({
      stream: () => {
        open += 1
      },
    })
    const client = (await RawClient.connect(socketPath)).read()
    client.socket.write(Buffer.concat(Array.from({ length: 500 }, () => client.request({ ':path': '/Test/Stream' }))))
    await eventually(() => client.isClosed || client.framesOf(FRAME.reset).length >= 400, 'the others are refused')
    expect(open).toBeLessThanOrEqual(100)
  })
})

describe('a connection', () => {
  it('is closed when no call was open for ten minutes, and not while one is', async () => {
    const { connect, clock } = await startTestServer({ stream: (call) => void call.write('first') })
    const [idle, busy] = [await connect(), await connect()]
    const call = busy.call('/Test/Stream')
    call.stream.end(message(''))
    await eventually(() => call.messages.length === 1)
    await clock.advance(540)
    expect(idle.session.closed).toBe(false)
    await clock.advance(120)
    await eventually(() => idle.session.closed, 'the idle one is closed')
    expect(busy.session.closed).toBe(false)
  })
})
