import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FakeClock } from '@countersign/testing'
import { expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { AuthorityStore } from './authority-store.ts'
import { BundleStore } from './bundle-store.ts'
import { type FederationEndpoint, FederationStore } from './federation-store.ts'
import { MIGRATIONS } from './migrations.ts'
import { Store } from './store.ts'

/** A store as the version that knew the first `version` steps left it. */
async function storeOfVersion(version: number, rows: string): Promise<string> {
  const path = join(await temporaryFolder(), 'server.db')
  const database = new DatabaseSync(path)
  for (const step of MIGRATIONS.slice(0, version)) database.exec(step)
  database.exec(`PRAGMA application_id = 0x434e5347; PRAGMA user_version = ${version}; ${rows}`)
  database.close()
  return path
}

it('keeps the federation relationships of the first version, their bundles and how they fared', async () => {
  const path = await storeOfVersion(
    1,
    `INSERT INTO federations (trust_domain, bundle_endpoint_url, profile, web_roots, last_refresh_at, last_error_code,
       last_error_message, last_error_at) VALUES
       ('a.example', 'https://a.example/bundle', 'https_web', 'PEM', 10, NULL, NULL, NULL),
       ('b.example', 'https://b.example/bundle', 'https_web', NULL, NULL, 'ERR_FEDERATION_TIMEOUT', 'late', 20);
     INSERT INTO bundles (trust_domain, document, sequence, updated_at) VALUES ('a.example', '{"keys":[]}', 7, 10);`,
  )
  const store = Store.open(path, new FakeClock())
  onTestFinished(() => store.close())
  const federations = new FederationStore(store)
  expect(await federations.list()).toEqual([
    {
      trustDomain: 'a.example',
      bundleEndpointUrl: 'https://a.example/bundle',
      profile: 'https_web',
      webRoots: 'PEM',
      lastRefreshAt: 10,
      sequence: 7,
    },
    {
      trustDomain: 'b.example',
      bundleEndpointUrl: 'https://b.example/bundle',
      profile: 'https_web',
      lastError: { code: 'ERR_FEDERATION_TIMEOUT', message: 'late', at: 20 },
    },
  ])
  expect((await new BundleStore(store).get('a.example'))?.bundle).toEqual({ keys: [] })
  const moved = {
    bundleEndpointUrl: 'https://b.example/bundle',
    profile: 'https_spiffe',
    endpointSpiffeId: 'spiffe://b.example/a',
    allowedAddresses: ['10.0.0.0/8'],
  } satisfies FederationEndpoint
  expect(await federations.update('b.example', moved)).toEqual({ trustDomain: 'b.example', ...moved })
})

it('keeps the authorities when it learns of one more kind', async () => {
  const path = await storeOfVersion(
    4,
    `INSERT INTO authorities (id, kind, key_name, state, not_before, not_after, certificate, public_jwk, tainted_at)
       VALUES ('jwt-1', 'jwt', 'jwt-1', 'active', 1, 100, NULL, '{"kty":"EC"}', 7);`,
  )
  const store = Store.open(path, new FakeClock())
  onTestFinished(() => store.close())
  const authorities = new AuthorityStore(store, async () => {})
  const known = {
    id: 'jwt-1',
    kind: 'jwt',
    keyName: 'jwt-1',
    state: 'active',
    notBefore: 1,
    notAfter: 100,
    publicJwk: { kty: 'EC' },
    taintedAt: 7,
  } as const
  expect(await authorities.list()).toEqual([known])
  const oauth = { ...known, id: 'oauth-1', kind: 'oauth', keyName: 'oauth-1', state: 'prepared' } as const
  const { taintedAt: _, ...untainted } = oauth
  await authorities.add(untainted)
  await authorities.activate(untainted)
  expect((await authorities.list()).map(({ state }) => state)).toEqual(['active', 'active'])
  await expect(authorities.add({ ...untainted, id: 'oauth-2', keyName: 'oauth-2', state: 'active' })).rejects.toThrow()
})
