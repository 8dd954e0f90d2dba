import type { NewEntry } from '@countersign/api'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { isDnsName } from './dns-name.ts'
import { validateEntry } from './validate-entry.ts'

const rules = { trustDomain: 'example.org', now: 1000, maxTtlSeconds: { x509: 86_400, jwt: 3600, wit: 7200 } }

const entry: NewEntry = {
  spiffeId: 'spiffe://example.org/db',
  parentId: 'spiffe://example.org/countersign/agent/node-1',
  selectors: [{ type: 'unix', value: 'uid:1000' }],
}

async function refused(change: Partial<NewEntry>, code: string): Promise<void> {
  await expectCode(() => validateEntry({ ...entry, ...change }, rules), code)
}

describe('validateEntry', () => {
  it('accepts an entry with everything in it', () => {
    const full: NewEntry = {
      ...entry,
      selectors: [...entry.selectors, { type: 'unix', value: 'gid:1000' }],
      x509SvidTtl: 86_400,
      jwtSvidTtl: 3600,
      witTtl: 7200,
      dnsNames: ['db.example.org', 'db'],
      hint: 'ä'.repeat(512),
      federatesWith: ['unknown.example'],
      expiresAt: 1001,
    }
    expect(() => validateEntry(full, rules)).not.toThrow()
  })

  it.each([
    'spiffe://example.org',
    'spiffe://example.org/',
    'spiffe://other.org/db',
    'wimse://example.org/db',
    'spiffe://example.org/db?x',
    'spiffe://Example.org/db',
    'spiffe://example.org/../db',
    'db',
  ])('refuses the identifier %s', (spiffeId) => refused({ spiffeId }, 'ERR_ENTRY_IDENTIFIER'))

  it.each(['/countersign', '/countersign/server', '/countersign/agent/node-1'])('reserves %s', (path) =>
    refused({ spiffeId: `spiffe://example.org${path}` }, 'ERR_ENTRY_RESERVED'),
  )

  it('reserves whole segments only', () => {
    const free = { ...entry, spiffeId: 'spiffe://example.org/countersigned/db' }
    expect(() => validateEntry(free, rules)).not.toThrow()
  })

  it.each([
    'spiffe://example.org',
    'spiffe://example.org/countersign',
    'spiffe://example.org/countersign/agent',
    'spiffe://example.org/countersign/agents/node-1',
    'spiffe://example.org/countersign/server/1',
    'spiffe://other.org/node-1',
    'spiffe://other.org/countersign/agent/node-1',
    'node-1',
  ])('refuses the parent %s', (parentId) => refused({ parentId }, 'ERR_ENTRY_PARENT'))

  it('lets a node alias have selectors and an end, and nothing that only credentials could honour', async () => {
    const alias = { ...entry, parentId: 'spiffe://example.org/countersign/server', expiresAt: 2000 }
    expect(() => validateEntry(alias, rules)).not.toThrow()
    const fields = { x509SvidTtl: 60, jwtSvidTtl: 60, witTtl: 60, dnsNames: [], hint: '', admin: false }
    for (const [name, value] of Object.entries({ ...fields, downstream: true, federatesWith: [] })) {
      await expectCode(() => validateEntry({ ...alias, [name]: value }, rules), 'ERR_ENTRY_ALIAS')
    }
    await refused({ ...alias, spiffeId: 'spiffe://example.org/countersign/agent/node-2' }, 'ERR_ENTRY_RESERVED')
  })

  it('lets an entry lie below what may be an alias', () => {
    expect(() => validateEntry({ ...entry, parentId: 'spiffe://example.org/hosts/db' }, rules)).not.toThrow()
  })

  it('refuses a selector that is given twice', () =>
    refused({ selectors: [...entry.selectors, ...entry.selectors] }, 'ERR_ENTRY_SELECTORS'))

  it('takes selectors apart that only look alike when joined', () => {
    const selectors = [
      { type: 'a', value: 'b:c' },
      { type: 'a:b', value: 'c' },
    ]
    expect(() => validateEntry({ ...entry, selectors }, rules)).not.toThrow()
  })

  it('refuses DNS names that are none, or given twice', async () => {
    await refused({ dnsNames: ['-db.example.org'] }, 'ERR_ENTRY_DNS_NAME')
    await refused({ dnsNames: ['db', 'db'] }, 'ERR_ENTRY_DNS_NAME')
  })

  it('refuses federation with the own domain, twice with one, and with something that is no domain', async () => {
    await refused({ federatesWith: ['example.org'] }, 'ERR_ENTRY_FEDERATION')
    await refused({ federatesWith: ['a.example', 'a.example'] }, 'ERR_ENTRY_FEDERATION')
    await refused({ federatesWith: ['spiffe://a.example'] }, 'ERR_ENTRY_FEDERATION')
  })

  it('counts the bytes of a hint', () => refused({ hint: 'ä'.repeat(513) }, 'ERR_ENTRY_HINT'))

  it('refuses lifetimes beyond those of the keys that sign', async () => {
    await refused({ x509SvidTtl: 86_401 }, 'ERR_ENTRY_TTL')
    await refused({ jwtSvidTtl: 3601 }, 'ERR_ENTRY_TTL')
    await refused({ witTtl: 7201 }, 'ERR_ENTRY_TTL')
  })

  it('refuses an entry that is over', () => refused({ expiresAt: 1000 }, 'ERR_ENTRY_EXPIRED'))
})

describe('isDnsName', () => {
  it.each(['a', 'db.example.org', 'xn--bcher-kva.example', `${'a'.repeat(63)}.b`, '1.db'])('accepts %s', (name) => {
    expect(isDnsName(name)).toBe(true)
  })

  it.each([
    '',
    '.',
    'db.',
    '.db',
    'a..b',
    'DB',
    'db_1',
    '-a',
    'a-',
    'a b',
    '10.0.0.1',
    '*.example.org',
    `${'a'.repeat(64)}.b`,
    `${'a.'.repeat(126)}ab`,
    'a\0b',
    'bücher.example',
  ])('refuses %j', (name) => {
    expect(isDnsName(name)).toBe(false)
  })
})
