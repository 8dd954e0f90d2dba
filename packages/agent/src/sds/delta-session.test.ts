import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { fakeSecrets } from '../test-support/fake-secrets.ts'
import { DeltaSession } from './delta-session.ts'
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts'
import { SECRET_TYPE_URL } from './secret-resource.ts'

function startSession() {
  const rejections: string[] = []
  const session = new DeltaSession((reason) => rejections.push(reason))
  const receive = (request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>) =>
    session.receive(create(DeltaDiscoveryRequestSchema, { typeUrl: SECRET_TYPE_URL, ...request }))
  const answer = (versions: Record<string, string>) => summary(session.answer(fakeSecrets(versions)))
  return { session, receive, rejections, answer }
}

/** What was sent, by version, and what was said to be gone. */
function summary(response: DeltaDiscoveryResponse | undefined) {
  if (response === undefined) return undefined
  const sent = Object.fromEntries(response.resources.map(({ name, version }) => [name, version]))
  return { sent, removed: response.removedResources }
}

describe('DeltaSession', () => {
  it('answers with what is wanted, and then with what changes', () => {
    const { receive, answer } = startSession()
    expect(receive({ resourceNamesSubscribe: ['default', 'ROOTCA'] })).toBe(true)
    expect(answer({ default: '1', ROOTCA: '1' })).toEqual({ sent: { default: '1', ROOTCA: '1' }, removed: [] })
    expect(answer({ default: '2', ROOTCA: '1' })).toEqual({ sent: { default: '2' }, removed: [] })
    expect(answer({ default: '2', ROOTCA: '1' })).toBeUndefined()
  })

  it('does not answer an acknowledgement', () => {
    const { session, receive } = startSession()
    receive({ resourceNamesSubscribe: ['default'] })
    const response = session.answer(fakeSecrets({ default: '1' }))
    expect(receive({ responseNonce: response?.nonce as string })).toBe(false)
  })

  it('neither answers refusals, however many, nor repeats what was refused until it changes', () => {
    const { session, receive, rejections, answer } = startSession()
    receive({ resourceNamesSubscribe: ['default'] })
    const { nonce } = session.answer(fakeSecrets({ default: '1' })) as DeltaDiscoveryResponse
    for (let count = 0; count < 1000; count++) {
      expect(receive({ responseNonce: nonce, errorDetail: { code: 3, message: 'no' } })).toBe(false)
      expect(answer({ default: '1' })).toBeUndefined()
    }
    expect(rejections).toHaveLength(1000)
    expect(answer({ default: '2' })).toEqual({ sent: { default: '2' }, removed: [] })
  })

  it('changes what is wanted whatever the nonce', () => {
    const { receive, answer } = startSession()
    receive({ resourceNamesSubscribe: ['default'] })
    answer({ default: '1' })
    expect(receive({ resourceNamesSubscribe: ['ROOTCA'], responseNonce: 'stale' })).toBe(true)
    expect(answer({ default: '1', ROOTCA: '1' })).toEqual({ sent: { ROOTCA: '1' }, removed: [] })
  })

  it('says once that a secret does not exist, and sends it when it does', () => {
    const { receive, answer } = startSession()
    receive({ resourceNamesSubscribe: ['default', 'unknown'] })
    expect(answer({ default: '1' })).toEqual({ sent: { default: '1' }, removed: ['unknown'] })
    expect(answer({ default: '1' })).toBeUndefined()
    expect(answer({ default: '1', unknown: '1' })).toEqual({ sent: { unknown: '1' }, removed: [] })
  })

  it('says when a secret is withdrawn, under a name and under the wildcard', () => {
    const { receive, answer } = startSession()
    receive({ resourceNamesSubscribe: ['*', 'a'] })
    answer({ a: '1', b: '1' })
    expect(answer({})).toEqual({ sent: {}, removed: ['a', 'b'] })
    expect(answer({})).toBeUndefined()
    expect(answer({ a: '1', b: '1' })).toEqual({ sent: { a: '1', b: '1' }, removed: [] })
  })

  it('says nothing of names that were given up', () => {
    const { receive, answer } = startSession()
    receive({ resourceNamesSubscribe: ['a', 'b'] })
    answer({ a: '1', b: '1' })
    receive({ resourceNamesUnsubscribe: ['b', 'never asked for'] })
    expect(answer({ a: '1' })).toBeUndefined()
  })

  it('sends again what is subscribed to again', () => {
    const { receive, answer } = startSession()
    receive({ resourceNamesSubscribe: ['a'] })
    answer({ a: '1' })
    receive({ resourceNamesSubscribe: ['a'] })
    expect(answer({ a: '1' })).toEqual({ sent: { a: '1' }, removed: [] })
  })

  it('answers for a name that was given up while the wildcard holds', () => {
    const { receive, answer } = startSession()
    receive({ resourceNamesSubscribe: ['*', 'a', 'b'] })
    answer({ a: '1', b: '1' })
    receive({ resourceNamesUnsubscribe: ['a', 'b'] })
    expect(answer({ a: '1' })).toEqual({ sent: { a: '1' }, removed: ['b'] })
  })

  it('does not send what the client has from an earlier stream, but what has changed since or is gone', () => {
    const { receive, answer } = startSession()
    receive({
      resourceNamesSubscribe: ['same', 'changed', 'gone'],
      initialResourceVersions: { same: '1', changed: '1', gone: '1', 'not wanted': '1' },
    })
    expect(answer({ same: '1', changed: '2' })).toEqual({ sent: { changed: '2' }, removed: ['gone'] })
  })

  it('reads what the client has in the first request alone', () => {
    const { receive, answer } = startSession()
    receive({ resourceNamesSubscribe: ['a'] })
    receive({ initialResourceVersions: { a: '1' } })
    expect(answer({ a: '1' })).toEqual({ sent: { a: '1' }, removed: [] })
  })

  it('reads the node in the first request alone', () => {
    const disable = (value: boolean) => ({ metadata: { disable_spiffe_cert_validation: value } })
    const { session, receive } = startSession()
    receive({ node: disable(true) })
    receive({ node: disable(false) })
    expect(session.isPlain).toBe(true)
  })

  it('refuses another type of resource', () => {
    const { receive } = startSession()
    expect(() => receive({ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' })).toThrow(
      expect.objectContaining({ code: status.INVALID_ARGUMENT }),
    )
  })
})
