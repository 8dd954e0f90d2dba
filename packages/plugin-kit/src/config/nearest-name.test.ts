import { describe, expect, it } from 'vitest'
import { editDistance, nearestName, suggestion } from './nearest-name.ts'

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['port', 'port', 0],
    ['port', 'prot', 1],
    ['port', 'ports', 1],
    ['port', 'ort', 1],
    ['port', 'pert', 1],
    ['kitten', 'sitting', 3],
  ])('%s and %s are %i apart', (a, b, expected) => {
    expect(editDistance(a, b)).toBe(expected)
    expect(editDistance(b, a)).toBe(expected)
  })
})

describe('nearestName', () => {
  const known = ['machine', 'public', 'port', 'host']

  it('finds a name with swapped letters', () => expect(nearestName('prot', known)).toBe('port'))
  it('ignores case', () => expect(nearestName('MACHINE', known)).toBe('machine'))
  it('offers nothing for a name that is not near', () => expect(nearestName('ttl', known)).toBe(undefined))
  it('offers nothing when there is nothing to offer', () => expect(nearestName('port', [])).toBe(undefined))
  it('prefers the nearer of two', () =>
    expect(nearestName('hosts', ['ghosts', 'hosts2', 'host', 'hosts'])).toBe('hosts'))
  it('takes the first of two equals', () => expect(nearestName('cat', ['bat', 'hat'])).toBe('bat'))
  it('offers nothing that has no letter in common', () => expect(nearestName('c', ['a', 'b'])).toBe(undefined))
  it('does not compare very long names', () => {
    const long = 'a'.repeat(65)
    expect(nearestName(long, [long])).toBe(undefined)
  })
})

describe('suggestion', () => {
  it('writes the end of a message', () => {
    expect(suggestion('prot', ['port'], (name) => `machine.${name}`)).toBe(', did you mean "machine.port"?')
  })
  it('is empty when nothing is near', () => expect(suggestion('zzz', ['port'])).toBe(''))
})
