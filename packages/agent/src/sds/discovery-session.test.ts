import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { Nonces, readPlainValidation, readReason } from './discovery-session.ts'
import { NodeSchema } from './gen/envoy/config/core/v3/base_pb.ts'
import { StatusSchema } from './gen/google/rpc/status_pb.ts'

const reason = (message: string) => readReason(create(StatusSchema, { code: 13, message }))
const node = (value: string | boolean | number) =>
  create(NodeSchema, { metadata: { disable_spiffe_cert_validation: value } })

describe('readReason', () => {
  it('keeps the code and the words', () => expect(reason('no such curve')).toBe('13: no such curve'))

  it('keeps 512 characters', () => expect(reason('a'.repeat(100_000))).toBe(`13: ${'a'.repeat(512)}`))

  it.each([
    ['text', '-----BEGIN PRIVATE KEY-----\nMIGHAgEA'],
    ['base64', Buffer.from('-----BEGIN PRIVATE KEY-----\nMIGHAgEA').toString('base64')],
  ])('stops before a secret that the client quotes as %s', (_, quoted) => {
    expect(reason(`cannot load "${quoted}"`)).toBe('13: cannot load "')
  })
})

describe('readPlainValidation', () => {
  it.each([
    [true, true],
    ['true', true],
    [false, false],
    ['false', false],
    ['yes', undefined],
    [1, undefined],
  ])('reads %j as %j', (value, expected) => expect(readPlainValidation(node(value))).toBe(expected))

  it('knows nothing of a node without metadata, or of none', () => {
    expect(readPlainValidation(create(NodeSchema))).toBeUndefined()
    expect(readPlainValidation(undefined)).toBeUndefined()
  })
})

describe('Nonces', () => {
  it('differ between responses and between streams', () => {
    const [one, other] = [new Nonces(), new Nonces()]
    expect(one.last).toBeUndefined()
    const all = [one.next(), one.next(), other.next()]
    expect(new Set(all).size).toBe(3)
    expect(one.last).toBe(all[1])
  })
})
