import { create, type DescMessage, fromBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import {
  BrokerAPI,
  brokerApiMethods,
  KubernetesObjectReferenceSchema,
  referToPid,
  WorkloadPIDReferenceSchema,
  type WorkloadReference,
  WorkloadReferenceSchema,
} from '@countersign/workload-api/broker'
import { MalformedRequest } from '@countersign/workload-api/server'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import {
  brokerRule,
  encode,
  end,
  entryOf,
  issueSvid,
  METHOD_PATHS,
  rawBroker,
  startBrokerWorld,
  startWorkload,
  withHeader,
} from '../test-support/broker-world.ts'
import { parseReference } from './parse-reference.ts'
import { isUnambiguous, strictBrokerMethods } from './single-reference.ts'

/** Every request has its reference in field 1. `audience` is field 2 of one of them. */
function requestBytes(reference: Uint8Array | undefined, audience = 'orders'): Buffer {
  const field = (number: number, bytes: Uint8Array) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
  return Buffer.concat([...(reference === undefined ? [] : [field(1, reference)]), field(2, Buffer.from(audience))])
}

const referenceBytes = (reference: WorkloadReference) => encode(WorkloadReferenceSchema, reference)
const packed = <Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>) =>
  referenceBytes(create(WorkloadReferenceSchema, { reference: anyPack(schema, create(schema, init)) }))
const anyOf = (typeUrl: string, value = new Uint8Array()) =>
  encode(WorkloadReferenceSchema, { reference: { typeUrl, value } })
const pid = (value: number) => referenceBytes(referToPid(value))
const PID_URL = `type.googleapis.com/${WorkloadPIDReferenceSchema.typeName}`

describe('a reference', () => {
  it.each<[string, Buffer]>([
    ['that is missing', requestBytes(undefined)],
    ['that is empty', requestBytes(Buffer.alloc(0))],
    ['without a type', requestBytes(anyOf(''))],
    ['of an unknown type', requestBytes(anyOf('type.googleapis.com/example.Reference'))],
    ['of a type that only ends alike', requestBytes(anyOf('type.googleapis.com/xspiffe.broker.WorkloadPIDReference'))],
    [
      'to a Kubernetes object, which this agent cannot follow',
      requestBytes(packed(KubernetesObjectReferenceSchema, { uid: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890' })),
    ],
    ['to pid 0', requestBytes(pid(0))],
    ['to a negative pid', requestBytes(pid(-1))],
    ['whose content is something else', requestBytes(anyOf(PID_URL, Buffer.from([0x0a, 0xff])))],
    ['given twice', Buffer.concat([requestBytes(pid(1)), requestBytes(pid(process.pid))])],
    ['with two in it', requestBytes(Buffer.concat([pid(1), pid(process.pid)]))],
    ['in a message that cannot be decoded', Buffer.from([0x0a, 0xff])],
  ])('%s is invalid, in every method', async (_, body) => {
    const world = await startBrokerWorld({ entries: [entryOf(process.pid, 'e1', '/shop/web')] })
    const broker = rawBroker(world, await issueSvid(world.server.authority))
    for (const path of METHOD_PATHS) {
      const { error, reason } = await broker.call(path, withHeader, body)
      expect([error?.code, reason]).toEqual([status.INVALID_ARGUMENT, 'WORKLOAD_REFERENCE_INVALID'])
    }
    expect(world.programs.attestations).toBe(0)
    expect(world.log.with('broker request refused')).toHaveLength(METHOD_PATHS.length)
  })

  it('may be of a type with any URL before it', async () => {
    const world = await startBrokerWorld({ entries: [entryOf(process.pid, 'e1', '/shop/web')] })
    const broker = rawBroker(world, await issueSvid(world.server.authority))
    const body = requestBytes(
      anyOf(
        'types.example/x/spiffe.broker.WorkloadPIDReference',
        encode(WorkloadPIDReferenceSchema, { pid: process.pid }),
      ),
    )
    expect((await broker.call(brokerApiMethods.fetchJWTSVID.path, withHeader, body)).error).toBeNull()
  })

  it('to a process that does not exist finds nothing', async () => {
    const gone = await startWorkload()
    const world = await startBrokerWorld({ entries: [entryOf(gone.pid, 'e1', '/shop/web')] })
    await end(gone)
    const broker = rawBroker(world, await issueSvid(world.server.authority))
    for (const path of METHOD_PATHS) {
      const { error, reason } = await broker.call(path, withHeader, requestBytes(pid(gone.pid)))
      expect([error?.code, reason]).toEqual([status.NOT_FOUND, 'WORKLOAD_NOT_FOUND'])
    }
  })

  it.each([
    ['has no identity', '/shop/web', 1],
    ['has one that the broker may not have', '/shopping/web', process.pid],
  ])('to a process that %s gives nothing, with the same answer', async (_, path, pidOfEntry) => {
    const world = await startBrokerWorld({ entries: [entryOf(pidOfEntry, 'e1', path)] })
    const broker = rawBroker(world, await issueSvid(world.server.authority))
    for (const method of METHOD_PATHS) {
      const { error, reason } = await broker.call(method, withHeader, requestBytes(pid(process.pid)))
      expect([error?.code, error?.details, reason]).toEqual([
        status.PERMISSION_DENIED,
        'the workload is not entitled to an identity through this broker',
        'WORKLOAD_NOT_ENTITLED',
      ])
    }
    expect(world.server.count('POST /v1/agent/x509-svids')).toBe(0)
  })

  it('is of no use to a broker that may refer to nobody, or have no identity', async () => {
    const world = await startBrokerWorld({
      rules: [
        { ...brokerRule, references: [] },
        { ...brokerRule, id: 'spiffe://example.org/mesh/idle', identities: [] },
      ],
      entries: [entryOf(process.pid, 'e1', '/shop/web')],
    })
    const mute = rawBroker(world, await issueSvid(world.server.authority))
    const idle = rawBroker(world, await issueSvid(world.server.authority, 'spiffe://example.org/mesh/idle'))
    for (const path of METHOD_PATHS) {
      const refused = await mute.call(path, withHeader, requestBytes(pid(process.pid)))
      expect([refused.error?.code, refused.reason]).toEqual([status.PERMISSION_DENIED, undefined])
      const denied = await idle.call(path, withHeader, requestBytes(pid(process.pid)))
      expect([denied.error?.code, denied.reason]).toEqual([status.PERMISSION_DENIED, 'WORKLOAD_NOT_ENTITLED'])
    }
  })

  it('waits when the process cannot be attested now', async () => {
    const world = await startBrokerWorld({ entries: [entryOf(process.pid, 'e1', '/shop/web')] })
    world.programs.fail = true
    const broker = rawBroker(world, await issueSvid(world.server.authority))
    for (const path of METHOD_PATHS) {
      const { error } = await broker.call(path, withHeader, requestBytes(pid(process.pid)))
      expect(error?.code).toBe(status.UNAVAILABLE)
    }
  })
})

describe('isUnambiguous', () => {
  const schema = BrokerAPI.method.fetchJWTSVID.input
  const isPlain = (bytes: Uint8Array) => isUnambiguous(schema, bytes)

  it('counts references and what is in them, and nothing else', () => {
    expect(isPlain(requestBytes(pid(1)))).toBe(true)
    expect(isPlain(Buffer.concat([requestBytes(pid(1)), Buffer.from([0x12, 1, 0x61, 0x12, 1, 0x62])]))).toBe(true)
    expect(isPlain(requestBytes(Buffer.concat([pid(1), pid(2)])))).toBe(false)
    expect(isPlain(Buffer.from([0x0a, 0x05, 0x00]))).toBe(false)
  })

  it('is not misled by a field that is marked as another kind of field, after which a decoder sees others', () => {
    const [audience, unknown] = [Buffer.from([(2 << 3) | 0, 2]), [(15 << 3) | 2]]
    const hidden = requestBytes(pid(1), '')
    const request = Buffer.concat([requestBytes(pid(7)), audience, Buffer.from([...unknown, hidden.length]), hidden])
    expect(parseReference(fromBinary(schema, request).reference).pid).toBe(1)
    expect(strictBrokerMethods.fetchJWTSVID.requestDeserialize(request)).toBeInstanceOf(MalformedRequest)
    const inside = Buffer.concat([pid(7), Buffer.from([(1 << 3) | 0, 7])])
    expect(isPlain(requestBytes(inside))).toBe(false)
    expect(isPlain(Buffer.concat([requestBytes(pid(7)), Buffer.from([(14 << 3) | 0, 7])]))).toBe(true)
  })
})
