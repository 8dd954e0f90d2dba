import { silentLogger } from '@countersign/plugin-kit'
import { describe, expect, it, vi } from 'vitest'
import { AccountNames } from './accounts/account-names.ts'
import { FileDigests } from './digest/file-digests.ts'
import { openInRoot } from './proc/open-in-root.ts'
import { takeSnapshot } from './proc/process-snapshot.ts'
import { leadsTo } from './same-file.ts'

const { fail } = vi.hoisted(() => ({
  fail: async () => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
  },
}))
vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof import('node:fs/promises')>()),
  open: fail,
  stat: fail,
  readlink: fail,
}))

const clock = { now: () => 0, schedule: () => () => {} }
const { signal } = new AbortController()
const peer = { pid: 1, uid: 0, gid: 0, startTime: '1', isAlive: () => true }

describe('a host without file handles', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['a digest', () => new FileDigests(clock).sha256('/bin/sh', 1_000_000, signal)],
    ['a file in another root', () => openInRoot('/', '/bin/sh')],
    ['a process', () => takeSnapshot('/proc/self', peer, signal)],
    ['a path', () => leadsTo('/bin/sh', { device: 1n, inode: 1n })],
    ['an account', () => new AccountNames('/etc/passwd', silentLogger).nameOf(0)],
  ])('does not pass for the absence of %s', async (_, look) => {
    await expect(look()).rejects.toMatchObject({ code: 'ERR_ATTESTATION_NOT_POSSIBLE', detail: 'EMFILE' })
  })
})
