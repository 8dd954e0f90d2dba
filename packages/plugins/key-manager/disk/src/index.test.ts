import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@countersign/plugin-kit'
import { describeKeyManager } from '@countersign/plugin-kit/contract'
import { describe, expect, it } from 'vitest'
import disk from './index.ts'

describeKeyManager('disk', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'key-manager-disk-'))
  const open = () => disk.create(disk.parseConfig({}), { clock: systemClock, log: silentLogger, dataDir })
  return { manager: open(), reopen: open, dispose: () => rmSync(dataDir, { recursive: true }) }
})

describe('key manager disk', () => {
  it('has no options', () => {
    expect(disk.parseConfig(undefined)).toEqual({})
    expect(() => disk.parseConfig({ folder: '/keys' })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_UNKNOWN_KEY', message: 'unknown key "keyManager.config.folder"' }),
    )
  })
})
