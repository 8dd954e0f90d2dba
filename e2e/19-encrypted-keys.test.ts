/** An operator encrypts the signing keys of a running trust domain, gets the passphrase wrong, and changes it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuthorityView } from '@countersign/api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

let domain: TrustDomain
let plainConfig: string
beforeEach(async () => {
  domain = await TrustDomain.create()
  plainConfig = readFileSync(domain.serverConfig, 'utf8')
})
afterEach(() => domain.remove())

const ids = async () =>
  ((await domain.admin('authority', 'list'))['authorities'] as readonly AuthorityView[]).map(({ id }) => id)

function configure(encryption?: object): void {
  const keyManager = encryption && { name: 'disk', config: { encryption } }
  const line = keyManager === undefined ? '' : `keyManager: ${JSON.stringify(keyManager)}\n`
  writeFileSync(domain.serverConfig, `${plainConfig}${line}`)
}

function writePassphrase(name: string, text: string): object {
  writeFileSync(join(domain.folder, name), `${text}\n`, { mode: 0o600 })
  return { passphraseFile: `./${name}` }
}

function keyFiles(): Readonly<Record<string, string>> {
  const folder = join(domain.folder, 'server', 'keys')
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
}
const versions = () => Object.values(keyFiles()).map((text) => JSON.parse(text).version)

/** Starts the server, asks for its keys, stops it. */
async function keysOfServer(): Promise<readonly string[]> {
  const server = await domain.startServer()
  const found = await ids()
  await server.stop()
  return found
}

async function isRefused(code: string): Promise<void> {
  const before = keyFiles()
  const refused = await countersign(['server', 'run', '--config', domain.serverConfig])
  expect(refused.stderr).toContain(code)
  expect(refused.exitCode).toBe(1)
  expect(keyFiles()).toEqual(before)
}

it('keys stay the same through every change of their encryption', { timeout: 360_000 }, async () => {
  const before = await keysOfServer()
  expect(versions()).toEqual([1, 1, 1])
  const secrets = Object.values(keyFiles()).map((text) => JSON.parse(text).pkcs8 as string)

  const first = writePassphrase('first', 'a passphrase of an operator')
  configure(first)
  expect(await keysOfServer()).toEqual(before)
  expect(versions()).toEqual([2, 2, 2])
  for (const text of Object.values(keyFiles())) for (const secret of secrets) expect(text).not.toContain(secret)

  const second = writePassphrase('second', 'another passphrase of theirs')
  configure(second)
  await isRefused('ERR_KEY_MANAGER_PASSPHRASE')
  configure()
  await isRefused('ERR_KEY_MANAGER_ENCRYPTED')

  configure({ ...second, previous: first })
  expect(await keysOfServer()).toEqual(before)
  configure(second)
  expect(await keysOfServer()).toEqual(before)
  configure(first)
  await isRefused('ERR_KEY_MANAGER_PASSPHRASE')

  configure({ ...second, decrypt: true })
  expect(await keysOfServer()).toEqual(before)
  configure()
  expect(await keysOfServer()).toEqual(before)
  expect(versions()).toEqual([1, 1, 1])
})
