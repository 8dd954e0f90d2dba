import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { fakeSecrets } from '../test-support/fake-secrets.ts'
import { SecretSchema } from './gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import { DiscoveryRequestSchema, type DiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery_pb.ts'
import { SECRET_TYPE_URL } from './secret-resource.ts'
import { WorldSession } from './world-session.ts'

function startSession() {
  const rejections: string[] = []
  const session = new WorldSession((reason) => rejections.push(reason))
  const receive = (request: MessageInitShape<typeof DiscoveryRequestSchema>) =>
    session.receive(create(DiscoveryRequestSchema, { typeUrl: SECRET_TYPE_URL, ...request }))
  return { session, receive, rejections }
}

const namesIn = (response: DiscoveryResponse | undefined) =>
  response?.resources.map((resource) => anyUnpack(resource, SecretSchema)?.name)

describe('WorldSession', () => {
  it('answers with all that exists of what is wanted', () => {
    const { session, receive } = startSession()
    expect(receive({ resourceNames: ['default', 'ROOTCA'] })).toBe(true)
    const response = session.answer(fakeSecrets({ default: '1', ROOTCA: '1' }))
    expect(namesIn(response)).toEqual(['default', 'ROOTCA'])
    expect(response).toMatchObject({ typeUrl: SECRET_TYPE_URL, nonce: expect.stringMatching(/./) })
  })

  it('does not answer an acknowledgement, nor say the same twice', () => {
    const { session, receive } = startSession()
    receive({ resourceNames: ['default'] })
    const first = session.answer(fakeSecrets({ default: '1' }))
    const { versionInfo, nonce: responseNonce } = first as DiscoveryResponse
    expect(receive({ resourceNames: ['default'], versionInfo, responseNonce })).toBe(false)
    expect(session.answer(fakeSecrets({ default: '1' }))).toBeUndefined()
  })

  it('neither answers refusals, however many, nor repeats what was refused until it changes', () => {
    const { session, receive, rejections } = startSession()
    receive({ resourceNames: ['default'] })
    const { nonce } = session.answer(fakeSecrets({ default: '1' })) as DiscoveryResponse
    for (let count = 0; count < 1000; count++) {
      const refusal = { resourceNames: ['default'], responseNonce: nonce, errorDetail: { code: 3, message: 'no' } }
      expect(receive(refusal)).toBe(false)
      expect(session.answer(fakeSecrets({ default: '1' }))).toBeUndefined()
    }
    expect(rejections[0]).toBe('3: no')
    expect(namesIn(session.answer(fakeSecrets({ default: '2' })))).toEqual(['default'])
  })

  it('takes names from a refusal', () => {
    const { session, receive } = startSession()
    receive({ resourceNames: ['default'] })
    const { nonce } = session.answer(fakeSecrets({ default: '1' })) as DiscoveryResponse
    const refusal = { resourceNames: ['default', 'ROOTCA'], responseNonce: nonce, errorDetail: { code: 3 } }
    expect(receive(refusal)).toBe(true)
    expect(namesIn(session.answer(fakeSecrets({ default: '1', ROOTCA: '1' })))).toEqual(['default', 'ROOTCA'])
  })

  it.each(['', 'of an earlier stream'])('ignores a request with the stale nonce "%s"', (responseNonce) => {
    const { session, receive, rejections } = startSession()
    receive({ resourceNames: ['default'] })
    session.answer(fakeSecrets({ default: '1' }))
    expect(receive({ resourceNames: ['ROOTCA'], responseNonce, errorDetail: { code: 3 } })).toBe(false)
    expect([...session.subscription.wanted.names]).toEqual(['default'])
    expect(rejections).toEqual([])
  })

  it('ignores the nonce before the last, and takes the last', () => {
    const { session, receive } = startSession()
    receive({ resourceNames: ['default'] })
    const [one, two] = ['1', '2'].map((version) => session.answer(fakeSecrets({ default: version }))?.nonce)
    expect(receive({ resourceNames: ['ROOTCA'], responseNonce: one as string })).toBe(false)
    expect(receive({ resourceNames: ['ROOTCA'], responseNonce: two as string })).toBe(true)
  })

  it('begins with whatever nonce and version a client brings from an earlier stream', () => {
    const { session, receive } = startSession()
    expect(receive({ resourceNames: ['default'], responseNonce: 'old', versionInfo: 'old' })).toBe(true)
    expect(namesIn(session.answer(fakeSecrets({ default: '1' })))).toEqual(['default'])
  })

  it('is silent while nothing of what is wanted exists, and leaves out what does not', () => {
    const { session, receive } = startSession()
    receive({ resourceNames: ['default', 'unknown'] })
    expect(session.answer(fakeSecrets({}))).toBeUndefined()
    expect(namesIn(session.answer(fakeSecrets({ default: '1' })))).toEqual(['default'])
    expect(namesIn(session.answer(fakeSecrets({ default: '1', unknown: '1' })))).toEqual(['default', 'unknown'])
  })

  it('is silent when something is withdrawn, and sends it again when it is back', () => {
    const { session, receive } = startSession()
    receive({ resourceNames: ['a', 'b'] })
    session.answer(fakeSecrets({ a: '1', b: '1' }))
    expect(session.answer(fakeSecrets({ a: '1' }))).toBeUndefined()
    expect(namesIn(session.answer(fakeSecrets({ a: '1', b: '1' })))).toEqual(['a', 'b'])
  })

  it('reads the node in the first request alone', () => {
    const disable = (value: boolean) => ({ metadata: { disable_spiffe_cert_validation: value } })
    const { session, receive } = startSession()
    receive({ resourceNames: ['ROOTCA'], node: disable(true) })
    receive({ resourceNames: ['ROOTCA', 'default'] })
    expect(session.isPlain).toBe(true)
    receive({ resourceNames: ['ROOTCA'], node: disable(false) })
    expect(session.isPlain).toBe(true)
  })

  it('refuses another type of resource', () => {
    const { receive } = startSession()
    expect(() => receive({ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' })).toThrow(
      expect.objectContaining({ code: status.INVALID_ARGUMENT }),
    )
    expect(receive({ typeUrl: '', resourceNames: ['default'] })).toBe(true)
  })
})
