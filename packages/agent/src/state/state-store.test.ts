import { chmod, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { StateStore } from './state-store.ts'

const identity = () => ({
  agentId: 'spiffe://example.org/countersign/agent/one',
  chain: [Uint8Array.of(1, 2), Uint8Array.of(3)],
  key: generateSigningKey('ES256'),
  issuedAt: 10,
  expiresAt: 20,
})
const sync = (revision: number) => ({ revision, trustDomain: 'example.org', entries: [], bundles: [] })

async function open() {
  const folder = await temporaryFolder()
  const log = new RecordingLogger()
  return { folder, log, store: await StateStore.open(folder, log) }
}

describe('StateStore', () => {
  it('gives back what it was given', async () => {
    const { folder, store, log } = await open()
    const own = identity()
    const bundle = { trustDomain: 'example.org', bundle: { keys: [] } }
    await store.saveIdentity(own)
    await store.saveBundle(bundle)
    await store.saveSync(sync(7))
    const again = await StateStore.open(folder, log)
    const loaded = await again.loadIdentity()
    expect({ ...loaded, key: undefined, chain: loaded?.chain.map((der) => [...der]) }).toEqual({
      ...own,
      key: undefined,
      chain: [[1, 2], [3]],
    })
    expect(loaded?.key.publicJwk).toEqual(own.key.publicJwk)
    expect(await again.loadBundle()).toEqual(bundle)
    expect(await again.loadSync()).toEqual(sync(7))
  })

  it('has nothing at first, without complaint', async () => {
    const { store, log } = await open()
    expect(await store.loadIdentity()).toBeUndefined()
    expect(await store.loadBundle()).toBeUndefined()
    expect(await store.loadSync()).toBeUndefined()
    expect(log.records).toEqual([])
  })

  it.each([
    '',
    '{',
    '[]',
    '{"agentId":"x"}',
    '{"agentId":"x","chain":["AQ=="],"privateKey":"AQ==","issuedAt":1,"expiresAt":2}',
  ])('does not use a damaged file: %s', async (content) => {
    const { folder, store, log } = await open()
    await writeFile(join(folder, 'agent-svid.json'), content, { mode: 0o600 })
    expect(await store.loadIdentity()).toBeUndefined()
    expect(log.with('stored state is damaged and not used')).toHaveLength(1)
  })

  it.each([0o640, 0o604, 0o620])('does not use a key that others could read or change: mode %o', async (mode) => {
    const { folder, store, log } = await open()
    await store.saveIdentity(identity())
    await chmod(join(folder, 'agent-svid.json'), mode)
    expect(await store.loadIdentity()).toBeUndefined()
    expect(log.with('stored state could be read or changed by other users and is not used')).toHaveLength(1)
  })

  it('does not use a file of another user', async () => {
    const { store, log } = await open()
    await store.saveSync(sync(1))
    const geteuid = vi.spyOn(process, 'geteuid').mockReturnValue(4_000_000)
    onTestFinished(() => geteuid.mockRestore())
    expect(await store.loadSync()).toBeUndefined()
    expect(log.with('stored state could be read or changed by other users and is not used')).toHaveLength(1)
  })

  it('does not follow a link', async () => {
    const { folder, store } = await open()
    await store.saveSync(sync(1))
    await rename(join(folder, 'sync.json'), join(folder, 'elsewhere.json'))
    await symlink('elsewhere.json', join(folder, 'sync.json'))
    expect(await store.loadSync()).toBeUndefined()
  })

  it("leaves an operator's bundle.json in the same folder alone", async () => {
    const { folder, store } = await open()
    await writeFile(join(folder, 'bundle.json'), 'own')
    await store.saveBundle({ trustDomain: 'example.org', bundle: { keys: [] } })
    expect(await readFile(join(folder, 'bundle.json'), 'utf8')).toBe('own')
  })

  it('ends with the last of many values and leaves no other files', async () => {
    const { folder, store } = await open()
    await Promise.all(Array.from({ length: 50 }, (_, revision) => store.saveSync(sync(revision))))
    expect(JSON.parse(await readFile(join(folder, 'sync.json'), 'utf8')).revision).toBe(49)
    expect(await readdir(folder)).toEqual(['sync.json'])
  })

  it('tells the caller when nothing could be written, and writes again later', async () => {
    const { folder, store } = await open()
    await chmod(folder, 0o711)
    const cyclic: Record<string, unknown> = { ...sync(1) }
    cyclic['self'] = cyclic
    await expect(store.saveSync(cyclic as never)).rejects.toThrow(TypeError)
    await store.saveSync(sync(2))
    expect(await store.loadSync()).toEqual(sync(2))
  })
})
