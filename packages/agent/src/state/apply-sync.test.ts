import type { SyncState } from '@countersign/api'
import { encodeBase64, type SpiffeBundle } from '@countersign/protocol'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { OwnTrust } from '../attestation/own-trust.ts'
import { Issuer } from '../issuance/issuer.ts'
import type { ServerClient } from '../server-client/server-client.ts'
import { caBelow, listBy } from '../test-support/ca-below.ts'
import { AGENT_ID, entry, TRUST_DOMAIN } from '../test-support/fake-server.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { TestAuthority } from '../test-support/test-authority.ts'
import { AgentState } from './agent-state.ts'
import { applyOwnBundle, applySync } from './apply-sync.ts'

const now = () => 1_700_000_000
const WEB = entry('e1', '/web')
const authority = (name: string, trustDomain = TRUST_DOMAIN) => TestAuthority.create(trustDomain, now, name)

function start() {
  const log = new RecordingLogger()
  const forgotten: Parameters<Issuer['forget']>[0][] = []
  const trusted: SpiffeBundle[] = []
  const forget: Issuer['forget'] = (kinds, bundle) => {
    forgotten.push(kinds)
    trusted.push(bundle)
  }
  const issuer = { forget, keepEntries: () => {} } as unknown as Issuer
  const tainted: SyncState['tainted'][] = []
  const target = {
    ...{ state: new AgentState(), trust: new OwnTrust(TRUST_DOMAIN, log), issuer, log, now },
    tainted: { apply: (each: SyncState['tainted']) => void tainted.push(each) },
  }
  const apply = (bundles: SyncState['bundles'], overrides: Partial<SyncState> = {}) =>
    applySync(target, AGENT_ID, { revision: 1, trustDomain: TRUST_DOMAIN, entries: [], bundles, ...overrides })
  return { ...target, forgotten, trusted, heard: tainted, apply }
}

function withKeysOf(...authorities: TestAuthority[]) {
  const keys = authorities.flatMap((each) => each.bundle().bundle.keys)
  return { trustDomain: TRUST_DOMAIN, bundle: { keys } }
}

describe('applySync', () => {
  it('passes on which keys are tainted', async () => {
    const { apply, heard } = start()
    const tainted = [{ authorityId: 'x509-1', key: { kty: 'EC' } }]
    apply([withKeysOf(await authority('1'))], { tainted })
    apply([withKeysOf(await authority('1'))])
    expect(heard).toEqual([tainted, undefined])
  })

  it('serves the entries of this agent and no others', () => {
    const { apply, state } = start()
    apply([], { entries: [entry('own', '/own'), entry('other', '/other', { parentId: `${AGENT_ID}/two` })] })
    expect(state.view.status).toBe('ready')
    expect(state.view.entries.entries.map(({ id }) => id)).toEqual(['own'])
  })

  it('serves what lies below an alias for as long as the server says that it is one of this agent', () => {
    const { apply, state } = start()
    const hosts = `spiffe://${TRUST_DOMAIN}/hosts/db`
    const entries = [entry('own', '/own'), entry('shared', '/shared', { parentId: hosts })]
    apply([], { entries, aliases: [hosts] })
    expect(state.view.entries.entries.map(({ id }) => id)).toEqual(['own', 'shared'])
    apply([], { entries })
    expect(state.view.entries.entries.map(({ id }) => id)).toEqual(['own'])
  })

  it('ignores a server that speaks of another trust domain', async () => {
    const { apply, state, log } = start()
    apply([(await authority('a')).bundle()], { trustDomain: 'other.example' })
    expect(state.view.status).toBe('starting')
    expect(log.records).toHaveLength(1)
  })

  it('forgets nothing when an authority is added, and says what is trusted when one is withdrawn', async () => {
    const [first, second] = await Promise.all([authority('a'), authority('b')])
    const { apply, forgotten, trusted } = start()
    apply([withKeysOf(first)])
    apply([withKeysOf(first, second)])
    apply([withKeysOf(second)])
    expect(forgotten).toEqual([
      { x509: false, jwt: false, wit: false },
      { x509: true, jwt: true, wit: true },
    ])
    expect(trusted.at(-1)?.jwtAuthorities.map(({ kid }) => kid)).toEqual(['jwt-b'])
  })

  it('drops what an ended authority signed and keeps what the current one did', async () => {
    const [first, second] = await Promise.all([authority('a'), authority('b')])
    let current = first
    const server = {
      issueX509Svid: (_: string, key: unknown) => current.x509(WEB.spiffeId, key, 3600),
      issueWitSvid: (_: string, key: unknown) => current.wit(WEB.spiffeId, key, 3600),
      issueJwtSvid: (_: string, audience: readonly string[]) => current.jwt(WEB.spiffeId, audience, 3600),
    } as unknown as ServerClient
    const log = new RecordingLogger()
    const clock = new FakeClock(now())
    const issuer = new Issuer({ server, clock, log, random: () => 0.5, maxCredentials: 10 })
    const tainted = { apply: () => {} }
    const target = { state: new AgentState(), trust: new OwnTrust(TRUST_DOMAIN, log), issuer, tainted, log, now }
    const apply = (...authorities: TestAuthority[]) =>
      applySync(target, AGENT_ID, {
        revision: 1,
        trustDomain: TRUST_DOMAIN,
        entries: [WEB],
        bundles: [withKeysOf(...authorities)],
      })
    const held = async (audience: string) => [
      (await issuer.x509Svid(WEB)).credential,
      (await issuer.witSvid(WEB)).credential,
      (await issuer.jwtSvid(WEB, [audience])).credential,
    ]
    apply(first, second)
    const old = await held('a')
    current = second
    apply(first, second)
    expect(await held('a')).toEqual(old)
    apply(second)
    const fresh = await held('a')
    for (const [index, credential] of fresh.entries()) expect(credential).not.toBe(old[index])
    const third = await authority('c')
    apply(second, third)
    apply(second)
    const kept = await held('a')
    for (const [index, credential] of kept.entries()) expect(credential).toBe(fresh[index])
  })

  it('drops only the kind whose authority was withdrawn', async () => {
    const first = await authority('a')
    const { apply, forgotten } = start()
    const without = (use: string) => ({
      trustDomain: TRUST_DOMAIN,
      bundle: { keys: first.bundle().bundle.keys.filter((key) => key['use'] !== use) },
    })
    apply([withKeysOf(first)])
    apply([without('jwt-svid')])
    apply([withKeysOf(first)])
    apply([without('wit-svid')])
    expect(forgotten[0]).toEqual({ x509: false, jwt: true, wit: false })
    expect(forgotten[2]).toEqual({ x509: false, jwt: false, wit: true })
  })

  it('leaves out a bundle that cannot be read and keeps the others', async () => {
    const own = (await authority('a')).bundle()
    const other = (await authority('b', 'other.example')).bundle()
    const { apply, state, log } = start()
    const bad = { trustDomain: 'bad.example', bundle: { keys: [], spiffe_sequence: 1.5 } }
    apply([own, bad, other])
    expect([...state.view.bundles.keys()].sort()).toEqual(['example.org', 'other.example'])
    expect(log.with('bundle cannot be read, left out')[0]?.fields).toMatchObject({ trustDomain: 'bad.example' })
  })

  it('drops the credentials of entries that this host no longer has', async () => {
    const kept: string[][] = []
    const { state, trust, log, tainted } = start()
    const issuer = { forget: () => {}, keepEntries: (ids: Set<string>) => kept.push([...ids]) } as unknown as Issuer
    const sync = { revision: 1, trustDomain: TRUST_DOMAIN, bundles: [(await authority('a')).bundle()] }
    const entries = [WEB, entry('other', '/other', { parentId: `${AGENT_ID}/two` })]
    applySync({ state, trust, log, tainted, issuer, now }, AGENT_ID, { ...sync, entries })
    expect(kept).toEqual([['e1']])
  })

  it('serves a bundle that came from elsewhere, and drops what it does not vouch for', async () => {
    const [first, second] = await Promise.all([authority('a'), authority('b')])
    const { apply, state, trust, issuer, log, forgotten } = start()
    apply([withKeysOf(first)], { crls: [first.crl(1)] })
    expect(state.view.crls).toHaveLength(1)
    trust.replace(withKeysOf(second))
    applyOwnBundle({ state, trust, issuer, log, now })
    expect(state.view.bundles.get(TRUST_DOMAIN)?.x509Authorities).toEqual([second.certificate])
    expect(state.view.crls).toEqual([])
    expect(forgotten.at(-1)).toEqual({ x509: true, jwt: true, wit: true })
  })

  it('goes on believing lists of CAs below a root that the bundle from elsewhere has too', async () => {
    const [first, second] = await Promise.all([authority('a'), authority('b')])
    const root = { key: first.caKey, certificate: first.certificate }
    const below = caBelow(root, now())
    const { apply, state, trust, issuer, log } = start()
    const crls = [first.crl(1), listBy(below, now())]
    apply([withKeysOf(first)], { crls, intermediates: [encodeBase64(below.certificate)] })
    expect(state.view.crls.map(encodeBase64)).toEqual(crls)
    trust.replace(withKeysOf(first, second))
    applyOwnBundle({ state, trust, issuer, log, now })
    expect(state.view.bundles.get(TRUST_DOMAIN)?.x509Authorities).toHaveLength(2)
    expect(state.view.crls.map(encodeBase64)).toEqual(crls)
    trust.replace(withKeysOf(second))
    applyOwnBundle({ state, trust, issuer, log, now })
    expect(state.view.crls).toEqual([])
  })

  it('keeps the own bundle when the server leaves it out', async () => {
    const { apply, state } = start()
    apply([(await authority('a')).bundle()])
    apply([])
    expect(state.view.bundles.has(TRUST_DOMAIN)).toBe(true)
  })
})
