import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import type { HeldPeer } from './peer-process.ts'
import { testPeerCredentials } from './self-test.ts'

const self = { pid: process.pid, uid: process.geteuid?.() ?? -1, gid: 0, startTime: '1', isAlive: () => true }
const holding = (changes: Partial<HeldPeer['process']>) => () => ({ process: { ...self, ...changes }, release() {} })

describe('testPeerCredentials', () => {
  it('passes here, and leaves nothing behind', async () => {
    const folder = await temporaryFolder()
    expect(await testPeerCredentials(join(folder, 'test.sock'))).toBeTypeOf('boolean')
    expect(await readdir(folder)).toEqual([])
  })

  it.each([
    ['says nothing', () => undefined],
    ['names another process', holding({ pid: process.pid + 1 })],
    ['names another user', holding({ uid: self.uid + 1 })],
    ['takes this process for dead', holding({ isAlive: () => false })],
  ])('fails when the kernel %s', async (_, hold) => {
    const folder = await temporaryFolder()
    await expect(testPeerCredentials(join(folder, 'test.sock'), hold)).rejects.toMatchObject({
      code: 'ERR_AGENT_PEER_CREDENTIALS',
    })
    expect(await readdir(folder)).toEqual([])
  })
})
