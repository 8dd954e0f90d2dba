import { silentLogger, systemClock } from '@countersign/plugin-kit'
import { describeKeyManager } from '@countersign/plugin-kit/contract'
import { describe, expect, it } from 'vitest'
import memory from './index.ts'

const context = { clock: systemClock, log: silentLogger, dataDir: '/nonexistent' }

describeKeyManager('memory', () => ({ manager: memory.create(memory.parseConfig({}), context) }))

describe('key manager memory', () => {
  it('has no options', () => {
    expect(memory.parseConfig(undefined)).toEqual({})
    expect(() => memory.parseConfig({ size: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_UNKNOWN_KEY', message: 'unknown key "keyManager.config.size"' }),
    )
  })

  it('shares nothing between two managers', async () => {
    const [one, two] = [memory.create({}, context), memory.create({}, context)]
    await one.createKey('a', 'ES256')
    expect(await two.listKeys()).toEqual([])
  })
})
