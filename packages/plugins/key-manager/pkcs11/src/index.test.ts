import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type KeyManager, silentLogger, systemClock } from '@countersign/plugin-kit'
import { describeKeyManager } from '@countersign/plugin-kit/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import pkcs11 from './index.ts'
import { noSoftToken, SoftToken } from './test-support/soft-token.ts'

let token: SoftToken
let domains = 0

beforeAll(() => {
  if (noSoftToken === undefined) token = new SoftToken()
})
afterAll(() => token?.remove())

describeKeyManager(
  'pkcs11',
  () => {
    // A trust domain sees none of another's keys, so that one token is enough.
    const trustDomain = `contract-${domains++}.example`
    const { module, label: tokenLabel, pinFile, folder } = token
    const config = { module, tokenLabel, pinFile }
    const opened: KeyManager[] = []
    const open = () => {
      const context = { clock: systemClock, log: silentLogger, dataDir: folder, trustDomain }
      const manager = pkcs11.create(pkcs11.parseConfig(config), context)
      opened.push(manager)
      return manager
    }
    return {
      manager: open(),
      reopen: open,
      otherProcess: { module: new URL('./index.ts', import.meta.url).href, config, dataDir: folder, trustDomain },
      dispose: async () => {
        for (const manager of opened) await manager.close?.()
      },
    }
  },
  { algorithms: ['ES256', 'ES384', 'RS256'], rivalProcesses: 'detected', skipReason: noSoftToken },
)

describe('configuration of pkcs11', () => {
  const valid = { module: '/lib/token.so', tokenLabel: 'signing', pinFile: 'pin' }

  it('names the module, the token and the file of the PIN', () => {
    expect(pkcs11.parseConfig(valid)).toEqual({ ...valid, rsaBits: 2048, sessions: 4 })
    for (const key of Object.keys(valid)) {
      expect(() => pkcs11.parseConfig({ ...valid, [key]: undefined })).toThrow(
        expect.objectContaining({ code: 'ERR_CONFIG_INVALID', message: expect.stringContaining(key) }),
      )
    }
  })

  it('has no place for the PIN itself', () => {
    expect(() => pkcs11.parseConfig({ ...valid, pin: '1234' })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_UNKNOWN_KEY' }),
    )
  })

  it.each([{ rsaBits: 1024 }, { sessions: 0 }, { sessions: 65 }, { tokenLabel: 'x'.repeat(33) }])(
    'refuses %j',
    (change) => {
      expect(() => pkcs11.parseConfig({ ...valid, ...change })).toThrow(
        expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }),
      )
    },
  )

  it('needs to know the trust domain', () => {
    const context = { clock: systemClock, log: silentLogger, dataDir: '/nonexistent' }
    expect(() => pkcs11.create(pkcs11.parseConfig(valid), context)).toThrow('needs a trust domain')
  })
})

describe('a module that is none', () => {
  const open = (module: string) =>
    pkcs11.create(pkcs11.parseConfig({ module, tokenLabel: 'signing', pinFile: 'pin' }), {
      clock: systemClock,
      log: silentLogger,
      dataDir: '/nonexistent',
      trustDomain: 'example.org',
    })

  it('is refused, whether it is missing, no library, or one of something else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pkcs11-module-'))
    try {
      writeFileSync(join(folder, 'text.so'), 'no library')
      for (const module of [join(folder, 'missing.so'), join(folder, 'text.so'), 'libc.so.6', '/lib64/libc.so.6']) {
        const manager = open(module)
        await expect(manager.listKeys()).rejects.toThrow(expect.objectContaining({ code: 'ERR_KEY_MANAGER_MODULE' }))
        await manager.close?.()
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
