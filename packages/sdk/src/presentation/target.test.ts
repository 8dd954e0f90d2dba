import { WorkloadId } from '@countersign/protocol'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { type ExpectedPeer, isExpected } from '../tls/expected-peer.ts'
import { expectedPeerOf } from './peer-setting.ts'
import { readTarget, TargetMap, type TargetSettings } from './target.ts'

const ORDERS = WorkloadId.parse('spiffe://shop.example/orders')
const EVIL = WorkloadId.parse('wimse://shop.example/orders')

describe('readTarget', () => {
  it('proves by token where nothing is said', () => {
    expect(readTarget({})).toEqual({
      message: 'wpt',
      mtls: false,
      peer: undefined,
      signResponse: false,
      audience: undefined,
      withholdsTransaction: false,
    })
  })

  it.each<[string, TargetSettings, object]>([
    ['mtls alone', { proof: 'mtls' }, { message: undefined, mtls: true }],
    ['mtls below a token', { proof: ['mtls', 'wpt'] }, { message: 'wpt', mtls: true }],
    ['mtls below a signature', { proof: ['http-signature', 'mtls'] }, { message: 'http-signature', mtls: true }],
    ['what the service asks for', { proof: 'accept-signature' }, { message: 'accept-signature', mtls: false }],
  ])('takes %s', (_name, settings, expected) => {
    expect(readTarget(settings)).toMatchObject(expected)
  })

  it('asks for a signed response when that is what shows who answers', () => {
    const peer = ORDERS.toString()
    expect(readTarget({ proof: 'http-signature', peer }).signResponse).toBe(true)
    expect(readTarget({ proof: ['http-signature', 'mtls'], peer }).signResponse).toBe(false)
  })

  it.each<[string, TargetSettings]>([
    ['no proof at all', { proof: [] }],
    ['two proofs of one kind', { proof: ['wpt', 'http-signature'] }],
    ['a signed response to a token', { proof: 'wpt', signResponse: true }],
    ['a signed response to a request that may not be signed', { proof: 'accept-signature', signResponse: true }],
    ['a signed response to a connection', { proof: 'mtls', signResponse: true }],
    ['a peer that nothing would check', { peer: ORDERS.toString() }],
    ['a peer that may not be checked', { proof: 'accept-signature', peer: ORDERS.toString() }],
  ])('refuses %s', async (_name, settings) => {
    await expectCode(async () => readTarget(settings), 'ERR_SDK_REQUEST')
  })
})

describe('TargetMap', () => {
  const audienceFor = (map: TargetMap, url: string) => map.settingsOf(new URL(url)).audience
  const map = new TargetMap({
    'https://orders.example': { audience: 'whole' },
    'https://orders.example/v1/': { audience: 'v1' },
    'https://orders.example/v1/secret': { audience: 'secret' },
  })

  it.each([
    ['https://orders.example/', 'whole'],
    ['https://orders.example/v1', 'v1'],
    ['https://orders.example/v1?a=b', 'v1'],
    ['https://orders.example/v1/x', 'v1'],
    ['https://orders.example/v10', 'whole'],
    ['https://orders.example/v1/secret', 'secret'],
    ['https://orders.example/v1/secrets', 'v1'],
    ['https://orders.example:444/', undefined],
    ['http://orders.example/', undefined],
    ['https://orders.example.evil.example/', undefined],
  ])('has for %s: %s', (url, expected) => {
    expect(audienceFor(map, url)).toBe(expected)
  })

  it('asks a function', () => {
    const asked = new TargetMap(({ hostname }) => (hostname === 'a.example' ? { audience: 'a' } : undefined))
    expect(audienceFor(asked, 'https://a.example/')).toBe('a')
    expect(audienceFor(asked, 'https://b.example/')).toBe(undefined)
  })

  it('refuses settings at once that could not work', async () => {
    expect(() => new TargetMap({ 'orders.example/v1': {} })).toThrow(TypeError)
    expect(() => new TargetMap({ 'https://orders.example/?a=b': {} })).toThrow(TypeError)
    await expectCode(async () => new TargetMap({ 'https://a.example': { proof: [] } }), 'ERR_SDK_REQUEST')
  })
})

describe('expectedPeerOf', () => {
  it.each([
    ['a text', ORDERS.toString()],
    ['an identifier', ORDERS],
    ['a list', ['spiffe://shop.example/other', ORDERS]],
    ['a function', (id: WorkloadId) => id.toString() === ORDERS.toString()],
  ])('compares whole identifiers: %s', (_name, setting) => {
    const expected = expectedPeerOf(setting)
    expect([isExpected(expected, ORDERS), isExpected(expected, EVIL)]).toEqual([true, false])
  })

  it('takes nothing but true from a function', () => {
    expect(isExpected(expectedPeerOf((() => 'yes') as unknown as ExpectedPeer), ORDERS)).toBe(false)
  })

  it('refuses nobody, and what is no identifier', async () => {
    expect(() => expectedPeerOf([])).toThrow(TypeError)
    await expectCode(async () => expectedPeerOf('orders'), 'ERR_IDENTIFIER_NOT_ABSOLUTE')
  })
})
