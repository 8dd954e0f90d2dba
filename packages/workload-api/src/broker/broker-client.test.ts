import { create } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import { Metadata, status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { formatGrpcTarget } from '../address.ts'
import { WorkloadPIDReferenceSchema } from '../gen/spiffe/broker/brokerapi_pb.ts'
import { X509SVIDResponseSchema } from '../gen/workloadapi_pb.ts'
import { parseBrokerAddress } from './broker-address.ts'
import { toBrokerApiError } from './broker-api-error.ts'
import { connectBrokerApi } from './broker-client.ts'
import { packErrorInfo, unpackErrorReason } from './error-info.ts'
import { referToPid } from './workload-reference.ts'

describe('parseBrokerAddress', () => {
  it.each([
    ['unix:///run/countersign/broker.sock', 'unix:/run/countersign/broker.sock'],
    ['tcp://127.0.0.1:8000', 'ipv4:127.0.0.1:8000'],
    ['tcp://[::1]:8000', 'ipv6:[::1]:8000'],
    ['tcp://broker.example.com:8443', 'dns:broker.example.com:8443'],
    ['tcp://localhost:8443', 'dns:localhost:8443'],
  ])('reads %s', (text, target) => {
    expect(formatGrpcTarget(parseBrokerAddress(text))).toBe(target)
  })

  it.each([
    [undefined, 'ERR_ENDPOINT_MISSING'],
    ['tcp://127.0.0.1:8000/foo', 'ERR_ENDPOINT_COMPONENT'],
    ['tcp://user@broker.example.com:8443', 'ERR_ENDPOINT_COMPONENT'],
    ['tcp://127.0.0.1.5:8000', 'ERR_ENDPOINT_HOST'],
    ['tcp://127.0.0.256:8000', 'ERR_ENDPOINT_HOST'],
    ['tcp://-broker.example:8443', 'ERR_ENDPOINT_HOST'],
    ['tcp://broker..example:8443', 'ERR_ENDPOINT_HOST'],
    ['tcp://:8443', 'ERR_ENDPOINT_HOST'],
    ['tcp://broker.example.com', 'ERR_ENDPOINT_PORT'],
    ['unix://host/run/broker.sock', 'ERR_ENDPOINT_HOST'],
    ['https://broker.example.com:8443', 'ERR_ENDPOINT_SCHEME'],
  ])('refuses %s', (text, code) => {
    expect(() => parseBrokerAddress(text)).toThrow(expect.objectContaining({ code }))
  })
})

describe('error info', () => {
  it('comes out as it went in', () => {
    expect(unpackErrorReason(packErrorInfo(status.NOT_FOUND, 'gone', 'WORKLOAD_NOT_FOUND'))).toBe('WORKLOAD_NOT_FOUND')
  })

  it.each<[string, Buffer | undefined]>([
    ['missing', undefined],
    ['not what it should be', Buffer.from([0x1a, 0xff])],
    ['larger than any', Buffer.alloc(10_000)],
  ])('that is %s is none', (_, value) => {
    const metadata = new Metadata()
    if (value !== undefined) metadata.set('grpc-status-details-bin', value)
    expect(unpackErrorReason(metadata)).toBe(undefined)
  })
})

describe('toBrokerApiError', () => {
  const failure = (code: status, metadata = new Metadata()) =>
    Object.assign(new Error('because'), { code, details: 'because', metadata })

  it.each([
    [status.INVALID_ARGUMENT, 'ERR_BROKER_API_INVALID_ARGUMENT'],
    [status.UNAUTHENTICATED, 'ERR_BROKER_API_UNAUTHENTICATED'],
    [status.PERMISSION_DENIED, 'ERR_BROKER_API_DENIED'],
    [status.NOT_FOUND, 'ERR_BROKER_API_NOT_FOUND'],
    [status.UNAVAILABLE, 'ERR_BROKER_API_UNAVAILABLE'],
    [status.INTERNAL, 'ERR_BROKER_API_FAILED'],
  ])('turns status %s into %s', (code, expected) => {
    expect(toBrokerApiError(failure(code))).toMatchObject({ code: expected, detail: 'because' })
  })

  it('tells a broker that is none from a workload that has nothing for it', () => {
    const metadata = packErrorInfo(status.PERMISSION_DENIED, 'no', 'WORKLOAD_NOT_ENTITLED')
    expect(toBrokerApiError(failure(status.PERMISSION_DENIED, metadata))).toMatchObject({
      code: 'ERR_BROKER_API_NOT_ENTITLED',
    })
  })
})

it('refers to a process by its pid', () => {
  const { reference } = referToPid(4711)
  expect(reference?.typeUrl).toBe('type.googleapis.com/spiffe.broker.WorkloadPIDReference')
  expect(reference && anyUnpack(reference, WorkloadPIDReferenceSchema)?.pid).toBe(4711)
})

describe('connectBrokerApi', () => {
  const address = 'unix:///nonexistent/broker.sock'

  it.each([
    ['no identity', {}],
    [
      'an identity of no known trust domain',
      { svids: [{ spiffeId: 'spiffe://other.example/a', bundle: Uint8Array.of(1) }] },
    ],
    ['certificates that are none', { svids: [{ spiffeId: 'spiffe://example.org/a', bundle: Uint8Array.of(0x30, 0) }] }],
  ])('cannot be used with %s', (_, init) => {
    const identity = create(X509SVIDResponseSchema, init)
    expect(() => connectBrokerApi({ address, identity, serverId: 'spiffe://example.org/agent' })).toThrow(
      expect.objectContaining({ code: 'ERR_BROKER_API_IDENTITY' }),
    )
  })

  it('needs to know whom it speaks to', () => {
    const identity = create(X509SVIDResponseSchema)
    expect(() => connectBrokerApi({ address, identity, serverId: 'spiffe://example.org' })).toThrow(
      expect.objectContaining({ code: 'ERR_IDENTIFIER_PATH_MISSING' }),
    )
  })
})
