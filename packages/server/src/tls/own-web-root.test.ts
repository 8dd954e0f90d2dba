import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodePem, parseCertificate } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { OwnWebRoot } from './own-web-root.ts'

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

  it.each(['public-root.pem', 'public-root-key.pem'])('makes a new root when %s is gone or damaged', async (name) => {
    const { dataDir, make, root } = await open()
    await make().load()
    const first = await root()
    await rm(join(dataDir, name))
    await make().load()
    const second = await root()
    expect(second).not.toBe(first)
    await writeFile(join(dataDir, name), 'damaged')
    await make().load()
    expect(await root()).not.toBe(second)
  })
})
