import { create } from '@bufbuild/protobuf'
import { status } from '@grpc/grpc-js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connectWorkloadApi } from './client.ts'
import {
  JWTBundlesResponseSchema,
  JWTSVIDResponseSchema,
  ValidateJWTSVIDResponseSchema,
  WITBundlesResponseSchema,
  WITSVIDResponseSchema,
  X509BundlesResponseSchema,
  X509SVIDResponseSchema,
} from './gen/workloadapi_pb.ts'
import type { GrpcCall } from './grpc-call.ts'
import { failure, startServer } from './test-support/start-server.ts'

function connect(address: string) {
  const client = connectWorkloadApi({ address })
  onTestFinished(() => client.close())
  return client
}

async function first<Message>(stream: AsyncIterable<Message>): Promise<Message> {
  for await (const message of stream) return message
  throw new Error('no message')
}

const byteMap = { 'spiffe://example.org': Uint8Array.of(1, 2) }

describe('connectWorkloadApi', () => {
  it('calls every method by its name in the standard, always with the security header', async () => {
    const seen: [string, readonly unknown[]][] = []
    const note = (call: GrpcCall) => seen.push([call.getPath(), call.metadata.get('workload.spiffe.io')])
    const address = await startServer({
      fetchX509SVID: (call) => {
        note(call)
        call.write(create(X509SVIDResponseSchema, { federatedBundles: byteMap }))
      },
      fetchX509Bundles: (call) => {
        note(call)
        call.write(create(X509BundlesResponseSchema, { bundles: byteMap }))
      },
      fetchJWTSVID: (call, callback) => {
        note(call)
        callback(null, create(JWTSVIDResponseSchema, { svids: [{ svid: JSON.stringify(call.request) }] }))
      },
      fetchJWTBundles: (call) => {
        note(call)
        call.write(create(JWTBundlesResponseSchema, { bundles: byteMap }))
      },
      validateJWTSVID: (call, callback) => {
        note(call)
        callback(null, create(ValidateJWTSVIDResponseSchema, { spiffeId: 'x', claims: { aud: ['a'], n: 1 } }))
      },
      fetchWITSVID: (call) => {
        note(call)
        call.write(create(WITSVIDResponseSchema, { svids: [{ witSvid: JSON.stringify(call.request) }] }))
      },
      fetchWITBundles: (call) => {
        note(call)
        call.write(create(WITBundlesResponseSchema, { bundles: { 'spiffe://example.org': '{}' } }))
      },
    })
    const client = connect(address)
    expect(client.address).toBe(address)
    const bytes = (value: Uint8Array | undefined) => [...(value ?? [])]
    expect(bytes((await first(client.fetchX509Svid())).federatedBundles['spiffe://example.org'])).toEqual([1, 2])
    expect(bytes((await first(client.fetchX509Bundles())).bundles['spiffe://example.org'])).toEqual([1, 2])
    const jwt = await client.fetchJwtSvid({ audience: ['a', 'b'], spiffeId: 'spiffe://example.org/x' })
    expect(JSON.parse(jwt.svids[0]?.svid ?? '')).toMatchObject({
      audience: ['a', 'b'],
      spiffeId: 'spiffe://example.org/x',
    })
    expect(bytes((await first(client.fetchJwtBundles())).bundles['spiffe://example.org'])).toEqual([1, 2])
    expect((await client.validateJwtSvid({ audience: 'a', svid: 's' })).claims).toEqual({ aud: ['a'], n: 1 })
    const wit = await first(client.fetchWitSvid({ spiffeId: 'spiffe://example.org/x' }))
    expect(JSON.parse(wit.svids[0]?.witSvid ?? '')).toMatchObject({ spiffeId: 'spiffe://example.org/x' })
    expect((await first(client.fetchWitBundles())).bundles).toEqual({ 'spiffe://example.org': '{}' })
    const methods = [
      'FetchX509SVID',
      'FetchX509Bundles',
      'FetchJWTSVID',
      'FetchJWTBundles',
      'ValidateJWTSVID',
      'FetchWITSVID',
      'FetchWITBundles',
    ]
    expect(seen).toEqual(methods.map((method) => [`/SpiffeWorkloadAPI/${method}`, ['true']]))
  })

  it('finds the address in the environment when it is not told one', async () => {
    const address = await startServer({})
    const client = connectWorkloadApi({ environment: { SPIFFE_ENDPOINT_SOCKET: address } })
    expect(client.address).toBe(address)
    client.close()
    expect(() => connectWorkloadApi({ environment: {} })).toThrow(
      expect.objectContaining({ code: 'ERR_ENDPOINT_MISSING' }),
    )
  })

  it.each([
    [status.INVALID_ARGUMENT, 'ERR_WORKLOAD_API_INVALID_ARGUMENT', false],
    [status.PERMISSION_DENIED, 'ERR_WORKLOAD_API_DENIED', true],
    [status.UNAVAILABLE, 'ERR_WORKLOAD_API_UNAVAILABLE', true],
    [status.UNIMPLEMENTED, 'ERR_WORKLOAD_API_UNIMPLEMENTED', false],
    [status.INTERNAL, 'ERR_WORKLOAD_API_FAILED', true],
  ])('turns status %s into %s, retryable: %s', async (code, expected, isRetryable) => {
    const address = await startServer({
      fetchX509SVID: (call) => void call.emit('error', failure(code, 'because')),
      fetchJWTSVID: (_, callback) => callback(failure(code, 'because')),
    })
    const client = connect(address)
    const wanted = { code: expected, detail: 'because', isRetryable }
    await expect(first(client.fetchX509Svid())).rejects.toMatchObject(wanted)
    await expect(client.fetchJwtSvid({ audience: ['a'] })).rejects.toMatchObject(wanted)
  })

  it('calls a stream that ends without an error a loss', async () => {
    const address = await startServer({ fetchX509SVID: (call) => void call.end() })
    await expect(first(connect(address).fetchX509Svid())).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_DISCONNECTED',
    })
  })

  it('takes a cancel that is not its own for a loss, as when an agent shuts down', async () => {
    const address = await startServer({
      fetchX509SVID: (call) => void call.emit('error', failure(status.CANCELLED, 'shutting down')),
      fetchJWTSVID: (_, callback) => callback(failure(status.CANCELLED, 'shutting down')),
    })
    const lost = { code: 'ERR_WORKLOAD_API_DISCONNECTED', isRetryable: true }
    await expect(first(connect(address).fetchX509Svid())).rejects.toMatchObject(lost)
    await expect(connect(address).fetchJwtSvid({ audience: ['a'] })).rejects.toMatchObject(lost)
  })

  it('says that nobody is there', async () => {
    const client = connect('unix:///nonexistent/api.sock')
    await expect(first(client.fetchX509Svid())).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_UNAVAILABLE' })
  })

  it('cancels the call when the loop is left, and when the signal aborts', async () => {
    let cancelled = 0
    const address = await startServer({
      fetchX509SVID: (call) => {
        call.on('cancelled', () => {
          cancelled += 1
        })
        call.write(create(X509SVIDResponseSchema))
      },
      fetchJWTSVID: (call) => {
        call.on('cancelled', () => {
          cancelled += 1
        })
      },
    })
    const client = connect(address)
    await first(client.fetchX509Svid())
    await expect.poll(() => cancelled).toBe(1)
    const stop = new AbortController()
    const read = async () => {
      for await (const _ of client.fetchX509Svid(stop.signal)) stop.abort()
    }
    await expect(read()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_CANCELLED' })
    await expect.poll(() => cancelled).toBe(2)
    const halt = new AbortController()
    const asked = client.fetchJwtSvid({ audience: ['a'] }, halt.signal)
    setImmediate(() => halt.abort())
    await expect(asked).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_CANCELLED' })
    await expect(client.fetchJwtSvid({ audience: ['a'] }, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_CANCELLED',
    })
  })
})
