import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { type Actor, countActors, formatActor, isMeant, parseActor, parseMayAct, prependActor } from './actor-chain.ts'

const chainOf = (length: number): Actor => ({
  subject: `actor-${length}`,
  ...(length > 1 ? { previous: chainOf(length - 1) } : {}),
})

describe('parseActor', () => {
  it('reads the whole chain, the present actor first', () => {
    const act = { sub: 'c', iss: 'https://a.example', act: { sub: 'b', act: { sub: 'a' } } }
    const actor = parseActor({ act })
    expect(actor).toEqual({
      subject: 'c',
      issuer: 'https://a.example',
      previous: { subject: 'b', previous: { subject: 'a' } },
    })
    expect(formatActor(actor as Actor)).toEqual(act)
    expect(countActors(actor)).toBe(3)
    expect(parseActor({})).toBe(undefined)
  })

  it('reads a chain of the length that is allowed, and none that is longer', async () => {
    expect(countActors(parseActor({ act: formatActor(chainOf(3)) }, 3))).toBe(3)
    await expectCode(() => parseActor({ act: formatActor(chainOf(4)) }, 3), 'ERR_CREDENTIAL_ACTOR')
    await expectCode(() => parseActor({ act: formatActor(chainOf(9)) }), 'ERR_CREDENTIAL_ACTOR')
  })

  it.each([
    ['a text', 'a'],
    ['null', null],
    ['a list', [{ sub: 'a' }]],
    ['no subject', { iss: 'https://a.example' }],
    ['an empty subject', { sub: '' }],
    ['a subject that is no text', { sub: 1 }],
    ['a subject that is too long', { sub: 'a'.repeat(2049) }],
    ['an issuer that is no text', { sub: 'a', iss: {} }],
    ['an earlier actor that is none', { sub: 'a', act: 'b' }],
  ])('refuses %s', async (_, act) => {
    await expectCode(() => parseActor({ act }), 'ERR_CREDENTIAL_ACTOR')
  })
})

describe('prependActor', () => {
  it('keeps those who acted before', () => {
    expect(prependActor({ subject: 'b' }, { subject: 'a' })).toEqual({ subject: 'b', previous: { subject: 'a' } })
    expect(prependActor({ subject: 'b' }, undefined)).toEqual({ subject: 'b' })
  })

  it('does not count an actor twice that passes a token to itself', () => {
    const chain = chainOf(2)
    expect(prependActor({ subject: 'actor-2' }, chain, 2)).toBe(chain)
    expect(countActors(prependActor({ subject: 'actor-2', issuer: 'other' }, chain))).toBe(3)
  })

  it('does not make a chain longer than allowed', async () => {
    expect(countActors(prependActor({ subject: 'x' }, chainOf(2), 3))).toBe(3)
    await expectCode(() => prependActor({ subject: 'x' }, chainOf(3), 3), 'ERR_CREDENTIAL_ACTOR')
  })
})

describe('may_act', () => {
  const actor = { subject: 'a', issuer: 'https://i.example', clientId: 'c' }

  it.each([
    [{ sub: 'a' }, true],
    [{ sub: 'b' }, false],
    [{ sub: 'a', iss: 'https://i.example' }, true],
    [{ sub: 'a', iss: 'https://other.example' }, false],
    [{ client_id: 'c' }, true],
    [{ client_id: 'd' }, false],
    [{ sub: 'a', client_id: 'd' }, false],
  ])('%j means the actor: %s', (claim, expected) => {
    const mayAct = parseMayAct({ may_act: claim })
    expect(mayAct !== undefined && isMeant(mayAct, actor)).toBe(expected)
  })

  it.each([
    ['a text', 'a'],
    ['null', null],
    ['a list', ['a']],
    ['nobody', {}],
    ['an issuer alone', { iss: 'https://i.example' }],
    ['a subject that is no text', { sub: 1 }],
    ['an issuer that is no text', { sub: 'a', iss: 1 }],
    ['something that could narrow it', { sub: 'a', tenant: 'x' }],
  ])('refuses %s', async (_, claim) => {
    await expectCode(() => parseMayAct({ may_act: claim }), 'ERR_CREDENTIAL_ACTOR')
  })

  it('is not there without the claim', () => {
    expect(parseMayAct({})).toBe(undefined)
  })
})
