import { expect, it } from 'vitest'
import { Turns } from './turns.ts'

it('gives so many turns at once, and the next to whoever waited longest', async () => {
  const turns = new Turns(2, 10)
  expect([await turns.begin(), await turns.begin()]).toEqual(['begun', 'begun'])
  const order: string[] = []
  const waiting = ['a', 'b'].map((name) => turns.begin().then(() => order.push(name)))
  turns.end()
  const late = turns.begin().then(() => order.push('late'))
  turns.end()
  turns.end()
  await Promise.all([...waiting, late])
  expect(order).toEqual(['a', 'b', 'late'])
})

it('lets only so many wait', async () => {
  const turns = new Turns(1, 1)
  await turns.begin()
  const waiting = turns.begin()
  expect(await turns.begin()).toBe('full')
  turns.end()
  expect(await waiting).toBe('begun')
})

it('turns everybody away once it is closed, and is idle after the last turn', async () => {
  const turns = new Turns(1, 10)
  await turns.begin()
  const waiting = turns.begin()
  turns.close()
  expect([await waiting, await turns.begin()]).toEqual(['closed', 'closed'])
  let isIdle = false
  const idle = turns.idle().then(() => {
    isIdle = true
  })
  await Promise.resolve()
  expect(isIdle).toBe(false)
  turns.end()
  await idle
})
