import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { CertificateFiles } from './certificate-files.ts'
import { OwnWebRoot } from './own-web-root.ts'

async function open() {
  const folder = await temporaryFolder()
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const maker = new OwnWebRoot({ dataDir: folder, trustDomain: 'web.example', hosts: [], clock, crypto: nodeCrypto })
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const write = async ({ cert, key }: { cert: string; key: string }) => {
    await writeFile(certFile, cert)
    await writeFile(keyFile, key)
  }
  const first = await maker.load()
  await write(first)
  return { files: new CertificateFiles(certFile, keyFile, log), maker, first, write, log }
}

describe('CertificateFiles', () => {
  it('reads the files, and again only when they change', async () => {
    const { files, maker, first, write } = await open()
    expect(await files.load()).toEqual(first)
    expect(await files.renewIfDue()).toBe(undefined)
    const second = await maker.load()
    await write(second)
    expect(await files.renewIfDue()).toEqual(second)
    expect(await files.renewIfDue()).toBe(undefined)
  })

  it('keeps what it has while the files do not fit', async () => {
    const { files, maker, first, write, log } = await open()
    await files.load()
    const second = await maker.load()
    await write({ cert: second.cert, key: first.key })
    expect(await files.renewIfDue()).toBe(undefined)
    expect(log.lines.map(({ level }) => level)).toEqual(['warn'])
    await write(second)
    expect(await files.renewIfDue()).toEqual(second)
  })

  it('refuses to begin with files that do not fit', async () => {
    const { files, maker, first, write, log } = await open()
    await write({ cert: (await maker.load()).cert, key: first.key })
    await expectCode(files.load(), 'ERR_SERVER_TLS_FILE')
    await write({ cert: 'no certificate', key: first.key })
    await expectCode(files.load(), 'ERR_SERVER_TLS_FILE')
    expect(log.text).not.toContain('PRIVATE')
  })
})
