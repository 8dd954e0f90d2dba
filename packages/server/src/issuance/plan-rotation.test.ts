import { describe, expect, it } from 'vitest'
import type { Authority, AuthorityState } from '../store/authority-store.ts'
import { nextRotationAt, planRotation } from './plan-rotation.ts'

const START = 10_000
const LIFE = 6000

function authority(id: string, state: AuthorityState, notBefore = START): Authority {
  return { id, kind: 'jwt', keyName: id, state, notBefore, notAfter: notBefore + LIFE }
}

const plan = (authorities: readonly Authority[], age: number, propagation = 0) => {
  const step = planRotation(authorities, START + age, propagation)
  return step === undefined ? undefined : 'authority' in step ? `${step.do} ${step.authority.id}` : step.do
}

describe('planRotation', () => {
  const active = authority('a', 'active')
  const prepared = authority('b', 'prepared', START + LIFE / 2)

  it('begins with an authority that is made and used at once', () => {
    expect(plan([], 0)).toBe('prepare')
    expect(plan([authority('a', 'prepared')], 0)).toBe('activate a')
    expect(plan([active], 0)).toBe(undefined)
  })

  it('prepares a successor at half of life and activates it at five sixths', () => {
    expect(plan([active], LIFE / 2 - 1)).toBe(undefined)
    expect(plan([active], LIFE / 2)).toBe('prepare')
    expect(plan([active, prepared], LIFE / 2)).toBe(undefined)
    expect(plan([active, prepared], (LIFE * 5) / 6 - 1)).toBe(undefined)
    expect(plan([active, prepared], (LIFE * 5) / 6)).toBe('activate b')
  })

  it('keeps a retired authority until its end, then removes it', () => {
    const retired = authority('a', 'retired')
    const successor = authority('b', 'active', START + LIFE / 2)
    expect(plan([retired, successor], LIFE - 1)).toBe(undefined)
    expect(plan([retired, successor, authority('c', 'prepared', START + LIFE)], LIFE)).toBe('remove a')
  })

  it('recovers from having slept through everything', () => {
    expect(plan([active], LIFE * 10)).toBe('remove a')
    expect(plan([active, prepared], LIFE + 10)).toBe('remove a')
    expect(plan([prepared], LIFE + 10)).toBe('activate b')
  })

  it('publishes a successor that was prepared late for a while before it signs, but not past the end', () => {
    const late = authority('b', 'prepared', START + LIFE - 500)
    expect(plan([active, late], LIFE - 300, 300)).toBe(undefined)
    expect(plan([active, late], LIFE - 200, 300)).toBe('activate b')
    expect(plan([active, late], LIFE, 5000)).toBe('remove a')
    expect(plan([late], LIFE, 5000)).toBe('activate b')
  })

  it('waits no longer than a short life allows', () => {
    expect(plan([active, prepared], (LIFE * 5) / 6, 1_000_000)).toBe('activate b')
  })

  it('leaves a tie of two prepared ones to the first', () => {
    expect(plan([authority('a', 'prepared'), authority('b', 'prepared')], 0)).toBe('activate a')
  })
})

describe('nextRotationAt', () => {
  it('names the first boundary of all', () => {
    expect(nextRotationAt([authority('a', 'active'), authority('b', 'active', START - 1000)], START)).toBe(START + 2000)
  })

  it.each([
    [0, LIFE / 2],
    [LIFE / 2 - 1, LIFE / 2],
    [LIFE / 2, (LIFE * 5) / 6],
    [(LIFE * 5) / 6 - 1, (LIFE * 5) / 6],
    [(LIFE * 5) / 6, LIFE],
    [LIFE - 1, LIFE],
  ])('at age %i names age %i, never a moment that has passed', (age, expected) => {
    expect(nextRotationAt([authority('a', 'active')], START + age)).toBe(START + expected)
  })

  it('is never when there is nothing', () => {
    expect(nextRotationAt([], START)).toBe(Number.POSITIVE_INFINITY)
  })
})
