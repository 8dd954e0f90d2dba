import { parseSpiffeBundle } from '@countersign/protocol'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { Issuer } from '../issuance/issuer.ts'
import type { ServerClient } from '../server-client/server-client.ts'
import { AGENT_ID, entry, TRUST_DOMAIN } from '../test-support/fake-server.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { TestAuthority } from '../test-support/test-authority.ts'
import { CredentialKeeper } from './credential-keeper.ts'
import { SealedCredentials } from './sealed-credentials.ts'

const NOW = 1_700_000_000
const WEB = entry('e1', '/web')

async function start(folder?: string, authority?: TestAuthority, maxCredentials = 100) {
  const clock = new FakeClock(NOW)
  const log = new RecordingLogger()
  const signing = authority ?? (await TestAuthority.create(TRUST_DOMAIN, () => NOW))
  const server = {
    issueX509Svid: (_: string, key: unknown) => signing.x509(WEB.spiffeId, key, 3600),
    issueWitSvid: (_: string, key: unknown) => signing.wit(WEB.spiffeId, key, 3600),
    issueJwtSvid: (_: string, audience: readonly string[]) => signing.jwt(WEB.spiffeId, audience, 300),
  } as unknown as ServerClient
  const issuer = new Issuer({ server, clock, log, random: () => 0.5, maxCredentials })
  const directory = folder ?? (await temporaryFolder())
  const writes: number[] = []
  const sealed = await SealedCredentials.open(directory, undefined, log)
  const save = sealed.save.bind(sealed)
  const disk = { fails: false }
  sealed.save = async (owner, content) => {
    if (disk.fails) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
    writes.push(content.x509.length + content.wit.length + content.jwt.length)
    await save(owner, content)
  }
  const keeper = new CredentialKeeper({ sealed, issuer, clock, log, agentId: () => AGENT_ID })
  const bundle = parseSpiffeBundle(TRUST_DOMAIN, signing.bundle().bundle)
  const restore = (ids = ['e1'], trusted = bundle) => keeper.restore(AGENT_ID, trusted, new Set(ids))
  return { clock, log, issuer, folder: directory, signing, writes, disk, keeper, restore }
}

async function fetchAll(issuer: Issuer) {
  return [
    (await issuer.x509Svid(WEB)).credential,
    (await issuer.witSvid(WEB)).credential,
    (await issuer.jwtSvid(WEB, ['a', 'b'])).credential,
  ]
}

describe('CredentialKeeper', () => {
  it('gives the next run what this one had, keys included', async () => {
    const first = await start()
    const before = await fetchAll(first.issuer)
    await first.keeper.stop()
    const second = await start(first.folder, first.signing)
    await second.restore()
    const after = await fetchAll(second.issuer)
    for (const [index, { spiffeId, expiresAt, issuedAt }] of before.entries()) {
      expect(after[index]).toMatchObject({ spiffeId, expiresAt, issuedAt })
    }
    const keys = (credentials: typeof before) => credentials.map((each) => ('key' in each ? each.key.exportPkcs8() : 0))
    expect(keys(after)).toEqual(keys(before))
    expect(second.keeper.status).toEqual({ savedAt: NOW })
  })

  it('writes many changes at once, soon, and nothing while nothing changes', async () => {
    const { issuer, clock, writes, keeper } = await start()
    for (let index = 0; index < 50; index++) await issuer.jwtSvid(WEB, [`${index}`])
    expect(writes).toEqual([])
    await clock.advance(2)
    expect(writes).toEqual([50])
    await clock.advance(120)
    expect(writes).toEqual([50])
    await keeper.stop()
    expect(writes).toEqual([50])
  })

  it('leaves out what has ended, what is of no entry, and what nobody trusts any more', async () => {
    const first = await start()
    await fetchAll(first.issuer)
    await first.keeper.stop()
    const late = await start(first.folder, first.signing)
    late.clock.jump(300)
    await late.restore()
    expect(late.issuer.sizes).toEqual({ x509: 1, wit: 1, jwt: 0 })
    const moved = await start(first.folder, first.signing)
    await moved.restore(['e2'])
    expect(moved.issuer.sizes).toEqual({ x509: 0, wit: 0, jwt: 0 })
    const rotated = await start(first.folder, first.signing)
    const next = await TestAuthority.create(TRUST_DOMAIN, () => NOW, 'next')
    await rotated.restore(['e1'], parseSpiffeBundle(TRUST_DOMAIN, next.bundle().bundle))
    expect(rotated.issuer.sizes).toEqual({ x509: 0, wit: 0, jwt: 0 })
  })

  it('keeps those that were used last when there is no room for all', async () => {
    const first = await start()
    for (const audience of ['a', 'b', 'c']) await first.issuer.jwtSvid(WEB, [audience])
    const { credential } = await first.issuer.jwtSvid(WEB, ['a'])
    await first.keeper.stop()
    const second = await start(first.folder, first.signing, 1)
    await second.restore()
    expect(second.issuer.sizes.jwt).toBe(1)
    expect((await second.issuer.jwtSvid(WEB, ['a'])).credential.token).toBe(credential.token)
  })

  it('says when the disk is full, goes on, and tries again', async () => {
    const { issuer, clock, disk, writes, keeper, log } = await start()
    disk.fails = true
    await fetchAll(issuer)
    await clock.advance(2)
    expect(keeper.status).toEqual({ trouble: expect.stringMatching(/cannot be written.*\(ENOSPC\)$/) })
    expect(log.records.map(({ level }) => level)).toEqual(['error'])
    disk.fails = false
    await clock.advance(60)
    expect(writes).toEqual([3])
    expect(keeper.status).toEqual({ savedAt: NOW + 61 })
  })

  it('writes nothing after a wipe of what was read before it', async () => {
    const { issuer, keeper, clock, writes, folder, signing } = await start()
    await fetchAll(issuer)
    const { jwt } = issuer.caches
    const held = jwt.held.bind(jwt)
    jwt.held = () => {
      void keeper.wipe()
      return held()
    }
    await clock.advance(2)
    await keeper.stop()
    expect(writes).toEqual([])
    const second = await start(folder, signing)
    await second.restore()
    expect(second.issuer.sizes).toEqual({ x509: 0, wit: 0, jwt: 0 })
  })
})
