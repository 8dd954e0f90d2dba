import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { descriptorOf, getPeerCredentials } from './peer-credentials.ts'

it('names this process as the peer of its own connection', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cs-peer-'))
  const server = createServer()
  onTestFinished(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  server.listen(join(folder, 's'))
  await once(server, 'listening')
  const client = createConnection(join(folder, 's'))
  onTestFinished(() => void client.destroy())
  const [accepted] = (await once(server, 'connection')) as [Socket]
  onTestFinished(() => void accepted.destroy())
  const fd = descriptorOf(accepted)
  expect(getPeerCredentials(fd ?? -1)).toEqual({
    pid: process.pid,
    uid: process.geteuid?.(),
    gid: process.getegid?.(),
  })
})

it('says nothing of what is no connection', () => {
  expect(descriptorOf(new Socket())).toBeUndefined()
  expect(getPeerCredentials(-1)).toBeUndefined()
})
