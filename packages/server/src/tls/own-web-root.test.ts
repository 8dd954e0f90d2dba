import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodePem, parseCertificate } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { OwnWebRoot } from './own-web-root.ts'
import { encodeKeyPem } from './tls-credential.ts'

const DAY = 86_400

async function open() {
  const dataDir = await temporaryFolder()
  const clock = new FakeClock()
  const make = (hosts: string[] = []) =>
    new OwnWebRoot({ dataDir, trustDomain: 'example.org', hosts, clock, crypto: nodeCrypto })
  const root = () => readFile(join(dataDir, 'public-root.pem'), 'utf8')
  return { dataDir, clock, make, root }
}

const leafOf = ({ cert }: { cert: string }) => parseCertificate(decodePem(cert)[0] ?? new Uint8Array())

describe('OwnWebRoot', () => {
  it('certifies localhost and the hosts it is given, and no workload', async () => {
    const { make } = await open()
    const leaf = leafOf(await make(['id.example.org', '192.0.2.7', 'localhost']).load())
    expect(leaf.dnsSans).toEqual(['localhost', 'id.example.org'])
    expect(leaf.uriSans).toEqual([])
    expect(leaf.isCa).toBe(false)
  })

  it('keeps its files to itself, and the root over restarts', async () => {
    const { dataDir, make, root } = await open()
    await make().load()
    const first = await root()
    for (const name of ['public-root.pem', 'public-root-key.pem']) {
      expect((await stat(join(dataDir, name))).mode & 0o777).toBe(0o600)
    }
    await make().load()
    expect(await root()).toBe(first)
  })

  it('renews its certificate at half of its life, under the same root', async () => {
    const { clock, make, root } = await open()
    const source = make()
    await source.load()
    const first = await root()
    clock.jump(15 * DAY - 1)
    expect(await source.renewIfDue()).toBe(undefined)
    clock.jump(1)
    const renewed = await source.renewIfDue()
    expect(renewed && leafOf(renewed).notAfter).toBe(clock.now() + 30 * DAY)
    expect(await root()).toBe(first)
  })

  it('makes a new root before the old one would end', async () => {
    const { clock, make, root } = await open()
    await make().load()
    const first = await root()
    clock.jump(3620 * DAY)
    await make().load()
    expect(await root()).toBe(first)
    clock.jump(1)
    await make().load()
    expect(await root()).not.toBe(first)
  })

  it('makes a new root when a crash left only its key', async () => {
    const { dataDir, make, root } = await open()
    await make().load()
    const first = await root()
    await rm(join(dataDir, 'public-root.pem'))
    await make().load()
    expect(await root()).not.toBe(first)
  })

  it.each(['public-root.pem', 'public-root-key.pem'])(
    'keeps a root that others may have pinned when %s is damaged',
    async (name) => {
      const { dataDir, make, root } = await open()
      await make().load()
      await writeFile(join(dataDir, name), 'damaged')
      const left = await root()
      await expectCode(make().load(), 'ERR_SERVER_TLS_FILE')
      await expect(make().load()).rejects.toThrow(name)
      expect(await root()).toBe(left)
    },
  )

  it('keeps a root whose key is gone or another', async () => {
    const { dataDir, make, root } = await open()
    await make().load()
    const first = await root()
    const keyFile = join(dataDir, 'public-root-key.pem')
    await writeFile(keyFile, encodeKeyPem(generateSigningKey('ES256').exportPkcs8()))
    await expectCode(make().load(), 'ERR_SERVER_TLS_FILE')
    await rm(keyFile)
    await expectCode(make().load(), 'ERR_SERVER_TLS_FILE')
    expect(await root()).toBe(first)
  })

  it.each([0o640, 0o604, 0o620, 0o602])('refuses a key of mode %o', async (mode) => {
    const { dataDir, make } = await open()
    await make().load()
    await chmod(join(dataDir, 'public-root-key.pem'), mode)
    await expectCode(make().load(), 'ERR_SERVER_TLS_FILE')
  })

  it('refuses a key that belongs to another user', async () => {
    const { make } = await open()
    await make().load()
    const uid = process.getuid?.() ?? 0
    vi.spyOn(process, 'getuid').mockReturnValue(uid + 1)
    onTestFinished(() => {
      vi.restoreAllMocks()
    })
    await expectCode(make().load(), 'ERR_SERVER_TLS_FILE')
  })
})
