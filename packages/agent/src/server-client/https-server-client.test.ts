import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { decodeBase64 } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AGENT_ID, FakeServer, TRUST_DOMAIN } from '../test-support/fake-server.ts'
import { eventually } from '../test-support/running-agent.ts'
import { HttpsServerClient } from './https-server-client.ts'

async function start(override?: (request: IncomingMessage, response: ServerResponse) => boolean) {
  const clock = new FakeClock()
  const server = await FakeServer.start(clock)
  onTestFinished(() => server.down())
  server.override = override
  const key = generateSigningKey('ES256')
  const { chain, expiresAt } = await server.authority.x509(AGENT_ID, key.publicJwk, 3600)
  const identity = { agentId: AGENT_ID, chain: chain.map(decodeBase64), key, issuedAt: clock.now(), expiresAt }
  const client = new HttpsServerClient({
    url: server.url,
    trust: { trustDomain: TRUST_DOMAIN, roots: () => [server.authority.certificate], now: () => clock.now() },
    identity: () => identity,
    clock,
    timeoutMs: 10_000,
  })
  onTestFinished(() => client.close())
  return { clock, server, client }
}

const answer =
  (status: number, body: string, type = 'application/json') =>
  (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { 'content-type': type }).end(body)
    return true
  }

describe('HttpsServerClient', () => {
  it.each([
    ['not JSON', answer(200, 'nonsense'), 'ERR_AGENT_SERVER_RESPONSE'],
    ['JSON of another shape', answer(200, '{"revision":-1}'), 'ERR_AGENT_SERVER_RESPONSE'],
    ['a failure', answer(500, ''), 'ERR_AGENT_SERVER_FAILED'],
    ['a request for patience', answer(429, ''), 'ERR_AGENT_SERVER_FAILED'],
    ['a refusal of the request', answer(403, problem('ERR_ENTITLEMENT_ENTRY')), 'ERR_AGENT_SERVER_REFUSED_REQUEST'],
    ['a refusal of the agent', answer(403, problem('ERR_NODE_BANNED')), 'ERR_AGENT_SERVER_REFUSED_AGENT'],
    ['a refusal of an unknown agent', answer(403, problem('ERR_NODE_UNKNOWN')), 'ERR_AGENT_SERVER_REFUSED_AGENT'],
    [
      'a refusal of its certificate',
      answer(403, problem('ERR_NODE_CERTIFICATE')),
      'ERR_AGENT_SERVER_REFUSED_CERTIFICATE',
    ],
    ['another word on the node', answer(403, problem('ERR_NODE_OTHER')), 'ERR_AGENT_SERVER_REFUSED_REQUEST'],
    ["a gateway's refusal", answer(403, '<html>'), 'ERR_AGENT_SERVER_REFUSED_REQUEST'],
    ['a refusal with another status', answer(500, problem('ERR_NODE_BANNED')), 'ERR_AGENT_SERVER_FAILED'],
  ])('gives an answer that is %s its code', async (_, override, code) => {
    const { client } = await start(override)
    await expect(client.sync()).rejects.toMatchObject({ code })
  })

  it('asks for no more credentials until the server wants to be asked again', async () => {
    let isBusy = true
    const { client, server, clock } = await start((request, response) => {
      if (!isBusy || request.url !== '/v1/agent/jwt-svids') return false
      // Longer than the patience of a call, so that it ends at once.
      response.writeHead(429, { 'retry-after': '30' }).end('{}')
      return true
    })
    const ask = () => client.issueJwtSvid('e1', ['a']).catch((error) => error.code)
    expect(await ask()).toBe('ERR_AGENT_SERVER_BUSY')
    isBusy = false
    expect(await ask()).toBe('ERR_AGENT_SERVER_BUSY')
    expect(server.count('POST /v1/agent/jwt-svids')).toBe(1)
    // Its own calls are not held back.
    expect(await client.sync()).toMatchObject({ trustDomain: TRUST_DOMAIN })
    clock.jump(30)
    await ask()
    expect(server.count('POST /v1/agent/jwt-svids')).toBe(2)
  })

  it('takes a server whose clock is a little ahead', async () => {
    const { client, server, clock } = await start()
    await server.down()
    // The certificate is valid from a minute before the moment it is made.
    clock.jump(90)
    await server.up()
    clock.jump(-90)
    expect(await client.sync()).toMatchObject({ trustDomain: TRUST_DOMAIN })
  })

  it('stops reading an answer that is too large', async () => {
    const { client } = await start(answer(200, ' '.repeat(1024 * 1024 + 1)))
    await expect(client.issueJwtSvid('e1', ['a'])).rejects.toMatchObject({
      code: 'ERR_AGENT_SERVER_RESPONSE',
      message: 'answer is larger than 1048576 bytes',
    })
  })

  it('gives up on a server that does not answer', async () => {
    const { client, clock, server } = await start(() => true)
    const refused = expect(client.sync()).rejects.toMatchObject({ code: 'ERR_AGENT_SERVER_TIMEOUT' })
    await eventually(() => server.requests.length === 1)
    await clock.advance(10)
    await refused
  })

  it('gives up on a server that does not finish its answer', async () => {
    const { client, clock, server } = await start((_, response) => {
      response.writeHead(200).write('{')
      return true
    })
    const refused = expect(client.sync()).rejects.toMatchObject({ code: 'ERR_AGENT_SERVER_TIMEOUT' })
    await eventually(() => server.requests.length === 1 && clock.pendingTimers > 0)
    // The header is on its way; time passes until the body's own limit is reached.
    for (let turn = 0; turn < 20; turn++) await clock.advance(10)
    await refused
  })

  it('names the reason when nobody listens', async () => {
    const { client, server } = await start()
    await server.down()
    await expect(client.sync()).rejects.toMatchObject({ code: 'ERR_AGENT_SERVER_UNREACHABLE', detail: 'ECONNREFUSED' })
  })

  it('gives up on a listener that does not speak TLS', async () => {
    const { server, clock } = await start()
    const plain = createServer((socket) => void socket.on('error', () => {}).end('hello'))
    plain.listen(0, '127.0.0.1')
    await once(plain, 'listening')
    onTestFinished(() => void plain.close())
    const client = new HttpsServerClient({
      url: `https://127.0.0.1:${(plain.address() as AddressInfo).port}`,
      trust: { trustDomain: TRUST_DOMAIN, roots: () => [server.authority.certificate], now: () => clock.now() },
      identity: () => undefined,
      clock,
      timeoutMs: 10_000,
    })
    await expect(client.attest({ attestor: 'a', evidence: {}, publicKey: {} })).rejects.toMatchObject({
      code: 'ERR_AGENT_SERVER_UNREACHABLE',
    })
  })

  it('gives up on a listener that never finishes the TLS handshake, and lets go of the connection', async () => {
    const { server, clock } = await start()
    let closed = 0
    const silent = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('close', () => {
          closed += 1
        })
      socket.resume()
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const client = new HttpsServerClient({
      url: `https://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      trust: { trustDomain: TRUST_DOMAIN, roots: () => [server.authority.certificate], now: () => clock.now() },
      identity: () => undefined,
      clock,
      timeoutMs: 10_000,
    })
    const refused = expect(client.attest({ attestor: 'a', evidence: {}, publicKey: {} })).rejects.toMatchObject({
      code: 'ERR_AGENT_SERVER_TIMEOUT',
    })
    await clock.advance(10)
    await refused
    await eventually(() => closed === 1)
  })

  it('opens a few connections for any number of credentials, and others for its own calls', async () => {
    let sync = false
    const { client, server } = await start((request) => {
      sync ||= request.url === '/v1/agent/sync'
      return request.url !== '/v1/agent/sync'
    })
    let connections = 0
    server.onConnection = () => {
      connections += 1
    }
    const flood = Array.from({ length: 100 }, (_, index) => client.issueJwtSvid('e1', [`a${index}`]).catch(() => {}))
    await eventually(() => server.count('POST /v1/agent/jwt-svids') === 8)
    expect(await client.sync()).toMatchObject({ trustDomain: TRUST_DOMAIN })
    expect(sync).toBe(true)
    expect(connections).toBe(9)
    expect(server.count('POST /v1/agent/jwt-svids')).toBe(8)
    client.close()
    await server.down()
    await Promise.all(flood)
  })

  it('lets go of a connection that does not open before the call is over', async () => {
    const { server, clock } = await start()
    let closed = 0
    const silent = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('close', () => {
          closed += 1
        })
      socket.resume()
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const key = generateSigningKey('ES256')
    const { chain, expiresAt } = await server.authority.x509(AGENT_ID, key.publicJwk, 3600)
    const identity = { agentId: AGENT_ID, chain: chain.map(decodeBase64), key, issuedAt: clock.now(), expiresAt }
    const client = new HttpsServerClient({
      url: `https://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      trust: { trustDomain: TRUST_DOMAIN, roots: () => [server.authority.certificate], now: () => clock.now() },
      identity: () => identity,
      clock,
      timeoutMs: 10_000,
    })
    onTestFinished(() => client.close())
    const refused = expect(client.issueJwtSvid('e1', ['a'])).rejects.toMatchObject({ code: 'ERR_AGENT_SERVER_TIMEOUT' })
    await clock.advance(10)
    await refused
    await eventually(() => closed === 1)
  })

  it('refuses an event that is not the state it should be', async () => {
    const { client } = await start(answer(200, 'event: sync\ndata: {"revision":"1"}\n\n', 'text/event-stream'))
    await expect(
      client.followChanges(
        undefined,
        () => {},
        () => {},
        new AbortController().signal,
      ),
    ).rejects.toMatchObject({
      code: 'ERR_AGENT_SERVER_RESPONSE',
    })
  })

  it('stops following when told to', async () => {
    const { client, server } = await start()
    const stop = new AbortController()
    const states: number[] = []
    const followed = client.followChanges(
      undefined,
      (state) => states.push(state.revision),
      () => {},
      stop.signal,
    )
    const ended = expect(followed).rejects.toMatchObject({ code: 'ERR_AGENT_SERVER_UNREACHABLE' })
    await eventually(() => states.length === 1)
    stop.abort()
    await ended
    await eventually(() => server.streams === 0)
  })

  it('does not take the answer for one entry as that for another', async () => {
    const { client } = await start(answer(200, '{"svids":[]}'))
    await expect(client.issueX509Svid('e1', generateSigningKey('ES256').publicJwk)).rejects.toMatchObject({
      code: 'ERR_AGENT_SERVER_RESPONSE',
    })
  })
})

function problem(code: string): string {
  return JSON.stringify({ type: 'about:blank', title: 'no', status: 403, code })
}
