import { expect, it } from 'vitest'
import { judgeClock } from './judge-clock.ts'

const NOW = 1_800_000_000
const YEAR = 366 * 86_400

it.each([
  [NOW, 0, undefined],
  [NOW, NOW, undefined],
  [NOW - 60, NOW, undefined],
  [NOW - 61, NOW, 'behind'],
  [NOW + YEAR, NOW, undefined],
  [NOW + YEAR + 1, NOW, 'ahead'],
  [0, 0, 'absurd'],
  [1_735_689_599, 0, 'absurd'],
  [1_735_689_600, 0, undefined],
  [4_102_444_801, NOW, 'absurd'],
])('clock at %i, last seen at %i: %s', (now, newest, fault) => {
  expect(judgeClock(now, newest)).toBe(fault)
})
