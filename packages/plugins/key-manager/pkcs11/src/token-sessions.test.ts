import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createLogger, silentLogger, systemClock } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { ATTRIBUTE, OBJECT_CLASS } from './cryptoki/constants.ts'
import type { Cryptoki } from './cryptoki/cryptoki.ts'
import { CryptokiError } from './cryptoki/return-value.ts'
import { releaseModule, useModule } from './module-use.ts'
import { Pkcs11KeyManager, type Pkcs11KeyManagerOptions } from './pkcs11-key-manager.ts'
import { noSoftToken, PIN, SoftToken } from './test-support/soft-token.ts'
import { findToken } from './token.ts'
import { TokenSessions } from './token-sessions.ts'

const reason = noSoftToken === undefined ? '' : ` (skipped: ${noSoftToken})`
const refusal = (code: string, message?: string | RegExp, detail?: string) =>
  expect.objectContaining({
    name: 'KeyManagerError',
    code,
    ...(message !== undefined && { message: expect.stringMatching(message) }),
    ...(detail !== undefined && { detail }),
  })

describe.skipIf(noSoftToken !== undefined)(`keys in a soft token${reason}`, () => {
  let token: SoftToken
  let lines: string[]
  let domains = 0

  beforeAll(() => {
    token = new SoftToken()
    for (const label of ['twins', 'twins', 'other']) token.initialize(label)
  })
  afterAll(() => token.remove())
  beforeEach(() => {
    lines = []
  })

  function open(change: Partial<Pkcs11KeyManagerOptions> = {}): Pkcs11KeyManager {
    const { module, label, pinFile } = token
    const log = createLogger({ level: 'debug', destination: { write: (line) => void lines.push(line) } })
    const manager = new Pkcs11KeyManager({
      ...{ module, label, pinFile, log, clock: systemClock, maxSessions: 4, rsaBits: 2048 },
      ...{ trustDomain: `sessions-${domains++}.example`, ...change },
    })
    onTestFinished(() => manager.close())
    return manager
  }

  async function withModule<T>(use: (cryptoki: Cryptoki) => Promise<T>): Promise<T> {
    const cryptoki = await useModule(token.module)
    try {
      return await use(cryptoki)
    } finally {
      await releaseModule(token.module)
    }
  }

  async function signs(key: { readonly publicJwk: object; readonly alg: 'ES256'; sign(data: Uint8Array): unknown }) {
    const data = new TextEncoder().encode('data')
    const verifier = nodeCrypto.importPublicJwk(key.publicJwk as never, key.alg)
    return verifier.verify(data, (await key.sign(data)) as Uint8Array)
  }

  /** As when a token was pulled out and put back: sessions, login and handles are gone. */
  const cutOff = () => withModule(async (cryptoki) => cryptoki.closeAllSessions(await findToken(cryptoki, token.label)))

  it('go on signing after the sessions were lost, without being asked for anew', async () => {
    const manager = open()
    const key = await manager.createKey('signer', 'ES256')
    for (let round = 0; round < 3; round++) {
      await cutOff()
      expect(await signs(key as never)).toBe(true)
    }
    const messages = lines.map((line) => JSON.parse(line))
    expect(messages.filter(({ msg }) => msg === 'logged in to token')).toHaveLength(4)
    expect(messages).toContainEqual(
      expect.objectContaining({
        msg: 'connection to token is lost, connecting anew',
        returned: 'CKR_SESSION_HANDLE_INVALID',
      }),
    )
  })

  it('go on signing when the sessions are lost under many signatures at once', async () => {
    const key = await open().createKey('signer', 'ES256')
    const all = Array.from({ length: 64 }, (_, index) => {
      const signed = signs(key as never)
      return index === 20 ? Promise.all([signed, cutOff()]).then(([each]) => each) : signed
    })
    expect(await Promise.all(all)).toEqual(Array(64).fill(true))
  })

  it('are created and listed after the sessions were lost', async () => {
    const manager = open()
    await manager.createKey('before', 'ES256')
    await cutOff()
    await manager.createKey('after', 'ES256')
    await cutOff()
    expect(await manager.listKeys()).toEqual(['after', 'before'])
    await cutOff()
    await manager.deleteKey('before')
    expect(await manager.listKeys()).toEqual(['after'])
  })

  it('sign nothing once they are deleted, by whomever', async () => {
    const trustDomain = 'deleted.example'
    const [manager, other] = [open({ trustDomain }), open({ trustDomain })]
    const key = await manager.createKey('signer', 'ES256')
    await other.deleteKey('signer')
    await expect(key.sign(new Uint8Array(1))).rejects.toThrow(
      refusal('ERR_KEY_MANAGER_TOKEN', 'token has no key "signer" any more'),
    )
  })

  it('never sign with a key that got their name later', async () => {
    const manager = open()
    const first = await manager.createKey('signer', 'ES256')
    await manager.deleteKey('signer')
    await manager.createKey('signer', 'ES256')
    await expect(first.sign(new Uint8Array(1))).rejects.toThrow(
      refusal('ERR_KEY_MANAGER_TOKEN', 'token has no key "signer" any more'),
    )
  })

  it('are kept private: sensitive, not extractable, for nothing but signing', async () => {
    const trustDomain = 'private.example'
    const manager = open({ trustDomain })
    await manager.createKey('ec', 'ES256')
    await manager.createKey('rsa', 'RS256')
    await withModule(async (cryptoki) => {
      const session = await cryptoki.openSession(await findToken(cryptoki, token.label))
      for (const name of ['ec', 'rsa']) {
        const [object = 0, ...more] = await cryptoki.find(session, [
          [ATTRIBUTE.CLASS, OBJECT_CLASS.PRIVATE_KEY],
          [ATTRIBUTE.LABEL, Buffer.from(name)],
        ])
        expect(more).toEqual([])
        const wanted = ['TOKEN', 'PRIVATE', 'SENSITIVE', 'EXTRACTABLE', 'SIGN', 'DECRYPT', 'UNWRAP', 'DERIVE'] as const
        const values = await cryptoki.attributes(
          session,
          object,
          wanted.map((attribute) => ATTRIBUTE[attribute]),
        )
        expect(values.map((value) => value[0])).toEqual([1, 1, 1, 0, 1, 0, 0, 0])
        const privateExponent = 0x123
        const privateValue = 0x11
        await expect(
          cryptoki.attributes(session, object, [name === 'rsa' ? privateExponent : privateValue]),
        ).rejects.toThrow(new CryptokiError('C_GetAttributeValue', 0x11))
      }
      await cryptoki.closeSession(session)
    })
  })

  it('that can be taken out of the token are refused', async () => {
    const trustDomain = 'extractable.example'
    const manager = open({ trustDomain })
    await manager.createKey('signer', 'ES256')
    // What another program puts there under the same name and identifier.
    await withModule(async (cryptoki) => {
      const slot = await findToken(cryptoki, token.label)
      const session = await cryptoki.openSession(slot)
      const id = createHash('sha256').update(`countersign key\n${trustDomain}\nsigner`).digest().subarray(0, 20)
      const label = Buffer.from('signer')
      const found = await cryptoki.find(session, [[ATTRIBUTE.ID, id]])
      expect(found).toHaveLength(2)
      for (const object of found) await cryptoki.destroy(session, object)
      const common = [
        [ATTRIBUTE.TOKEN, true],
        [ATTRIBUTE.ID, id],
        [ATTRIBUTE.LABEL, label],
      ] as const
      await cryptoki.generateKeyPair(
        session,
        0x1040,
        [...common, [ATTRIBUTE.EC_PARAMS, Buffer.from('06082a8648ce3d030107', 'hex')]],
        [...common, [ATTRIBUTE.SIGN, true], [ATTRIBUTE.EXTRACTABLE, true], [ATTRIBUTE.SENSITIVE, false]],
      )
      await cryptoki.closeSession(session)
    })
    await expect(manager.getKey('signer')).rejects.toThrow(
      refusal('ERR_KEY_MANAGER_CORRUPT', 'could be taken out of the token'),
    )
  })

  it('have the size that was asked for', async () => {
    const key = await open({ rsaBits: 3072 }).createKey('rsa', 'RS256')
    expect(Buffer.from(String(key.publicJwk['n']), 'base64url')).toHaveLength(384)
  })

  it('of other trust domains are neither seen nor touched', async () => {
    const [one, two] = [open(), open()]
    const mine = await one.createKey('signer', 'ES256')
    const theirs = await two.createKey('signer', 'ES256')
    expect(theirs.publicJwk).not.toEqual(mine.publicJwk)
    await two.deleteKey('signer')
    expect(await two.listKeys()).toEqual([])
    expect((await one.getKey('signer'))?.publicJwk).toEqual(mine.publicJwk)
  })

  it('are refused by a token that is missing, or has a namesake', async () => {
    await expect(open({ label: 'absent' }).listKeys()).rejects.toThrow(
      refusal('ERR_KEY_MANAGER_TOKEN', 'no token is labelled "absent"'),
    )
    await expect(open({ label: 'twins' }).listKeys()).rejects.toThrow(
      refusal('ERR_KEY_MANAGER_TOKEN', '2 tokens are labelled "twins"; give each its own'),
    )
  })

  it('are in the token of their label', async () => {
    const trustDomain = 'tokens.example'
    await open({ trustDomain, label: 'other' }).createKey('signer', 'ES256')
    expect(await open({ trustDomain }).getKey('signer')).toBe(undefined)
  })

  describe('with a PIN', () => {
    let pinFile: string
    afterEach(() => cutOff())
    beforeEach(() => {
      pinFile = `${token.pinFile}-other`
      writeFileSync(pinFile, 'wrong-pin\n', { mode: 0o600 })
    })

    it('that is wrong are refused, and it is tried once', async () => {
      const manager = open({ pinFile })
      const wrong = refusal(
        'ERR_KEY_MANAGER_PIN',
        /does not take the PIN; .* before the next start$/,
        'CKR_PIN_INCORRECT',
      )
      await expect(manager.listKeys()).rejects.toThrow(wrong)
      // Even a right one is not looked at: nobody knows how many attempts are left.
      writeFileSync(pinFile, `${PIN}\n`)
      await expect(manager.createKey('a', 'ES256')).rejects.toThrow(wrong)
      expect(await open({ pinFile }).listKeys()).toEqual([])
    })

    it('never show it', async () => {
      const manager = open({ pinFile })
      const error = await manager.listKeys().catch((reason: unknown) => reason)
      const good = open()
      await good.createKey('a', 'ES256')
      await good.deleteKey('a')
      const shown = `${lines.join('')} ${JSON.stringify(error)} ${(error as Error).stack} ${JSON.stringify(manager)}`
      expect(shown).not.toContain('wrong-pin')
      expect(shown).not.toContain(PIN)
    })

    it('in a file that everybody can read are refused', async () => {
      writeFileSync(`${pinFile}-open`, PIN, { mode: 0o644 })
      await expect(open({ pinFile: `${pinFile}-open` }).listKeys()).rejects.toThrow(
        refusal('ERR_KEY_MANAGER_PERMISSIONS', 'everybody can reach PIN file'),
      )
    })
  })

  it('are of no use after close, which may be called again', async () => {
    const manager = open()
    const key = await manager.createKey('signer', 'ES256')
    await manager.close()
    await expect(key.sign(new Uint8Array(1))).rejects.toThrow(refusal('ERR_KEY_MANAGER_TOKEN'))
    await expect(manager.listKeys()).rejects.toThrow(refusal('ERR_KEY_MANAGER_TOKEN', 'not in use any more'))
    await manager.close()
  })

  it('stay usable for one manager when another is closed', async () => {
    const [one, two] = [open(), open()]
    const key = await one.createKey('signer', 'ES256')
    await two.listKeys()
    await two.close()
    expect(await signs(key as never)).toBe(true)
  })

  it('do not keep the event loop from running', async () => {
    const manager = open()
    let turns = 0
    let isDone = false
    const count = () => {
      turns++
      if (!isDone) setImmediate(count)
    }
    setImmediate(count)
    await manager.createKey('rsa', 'RS256')
    isDone = true
    expect(turns).toBeGreaterThan(10)
  })

  it('give up on a token that does not answer, and on what waited for it', async () => {
    const clock = new FakeClock()
    const { module, label, pinFile } = token
    const sessions = new TokenSessions({ module, label, pinFile, log: silentLogger, clock, maxSessions: 1 })
    onTestFinished(() => sessions.close())
    let answer = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    const options = { timeoutMs: 10_000, isRepeatable: true }
    const slow = sessions.use({ ...options, timeoutMs: 60_000 }, () => answered)
    let hasRun = false
    const waiting = sessions.use(options, async () => {
      hasRun = true
    })
    const refused = expect(waiting).rejects.toThrow(refusal('ERR_KEY_MANAGER_TOKEN', 'did not answer within 10 s'))
    await clock.advance(10)
    await refused
    answer()
    await slow
    expect(await sessions.use(options, async () => 'next')).toBe('next')
    expect(hasRun).toBe(false)
  })

  it('turn away what a token that does not answer would never get to', async () => {
    const { module, label, pinFile } = token
    const clock = new FakeClock()
    const sessions = new TokenSessions({ module, label, pinFile, log: silentLogger, clock, maxSessions: 1 })
    let answer = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    const options = { timeoutMs: 10_000, isRepeatable: true }
    const all = Promise.allSettled(Array.from({ length: 1025 }, () => sessions.use(options, () => answered)))
    await expect(sessions.use(options, () => answered)).rejects.toThrow(
      refusal('ERR_KEY_MANAGER_TOKEN', 'too many calls wait for the token'),
    )
    const closing = sessions.close()
    answer()
    await closing
    expect((await all).filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })
})
