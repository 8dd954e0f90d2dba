import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { LogLevels } from './log-levels.ts'

function open() {
  const clock = new FakeClock()
  const levels = new LogLevels('info', clock)
  levels.addComponent('issuance')
  levels.addComponent('federation')
  return { clock, levels }
}

describe('LogLevels', () => {
  it('is what is configured until something else is set, and again when it is reset', () => {
    const { levels } = open()
    expect(levels.isWritten('debug', 'issuance')).toBe(false)
    levels.set({ level: 'debug' })
    expect(levels.isWritten('debug', 'issuance')).toBe(true)
    levels.reset()
    expect(levels.isWritten('debug', 'issuance')).toBe(false)
    expect(levels.report().level).toBe('info')
  })

  it('takes the level of a component before that of the whole', () => {
    const { levels } = open()
    levels.set({ level: 'debug' })
    levels.set({ level: 'error', component: 'issuance' })
    expect(levels.levelOf('issuance')).toBe('error')
    expect(levels.levelOf('federation')).toBe('debug')
    expect(levels.levelOf(undefined)).toBe('debug')
    levels.reset()
    expect(levels.levelOf('issuance')).toBe('error')
    levels.resetAll()
    expect(levels.levelOf('issuance')).toBe('info')
  })

  it('resets by itself, a component and the whole each in its time', async () => {
    const { levels, clock } = open()
    levels.set({ level: 'debug', forSeconds: 600 })
    levels.set({ level: 'warn', component: 'issuance', forSeconds: 60 })
    expect(levels.report()).toEqual({
      configured: 'info',
      level: 'debug',
      until: clock.now() + 600,
      components: [
        { name: 'federation', level: 'debug' },
        { name: 'issuance', level: 'warn', until: clock.now() + 60 },
      ],
    })
    await clock.advance(60)
    expect(levels.levelOf('issuance')).toBe('debug')
    await clock.advance(539)
    expect(levels.levelOf(undefined)).toBe('debug')
    await clock.advance(1)
    expect(levels.levelOf(undefined)).toBe('info')
  })

  it('lets the later change stand, whatever the earlier one was set for', async () => {
    const { levels, clock } = open()
    levels.set({ level: 'debug', forSeconds: 10 })
    levels.set({ level: 'warn' })
    await clock.advance(100)
    expect(levels.levelOf(undefined)).toBe('warn')
    expect(clock.pendingTimers).toBe(0)
  })

  it('refuses a name that no component has, and tells those there are', () => {
    const { levels } = open()
    expect(() => levels.set({ level: 'debug', component: 'isuance' })).toThrow(
      expect.objectContaining({ code: 'ERR_LOG_COMPONENT', detail: 'known: federation, issuance' }),
    )
    expect(() => levels.reset('isuance')).toThrow(expect.objectContaining({ code: 'ERR_LOG_COMPONENT' }))
  })

  it('keeps the names of so many components and no more', () => {
    const { levels } = open()
    for (let index = 0; index < 1000; index++) levels.addComponent(`c${index}`)
    expect(levels.report().components).toHaveLength(128)
  })
})
