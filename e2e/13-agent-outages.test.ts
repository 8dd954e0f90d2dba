/** The server is away, time jumps, the agent's own identity ends: programs keep what is valid, and nothing needs repair. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Holder, KINDS } from './support/holder.ts'
import { countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

/** Short enough to wait for their end, long enough for a busy machine to renew them before it. */
const SHORT = 'svids: { x509Ttl: 20, witTtl: 20, jwtTtl: 20 }\n'

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

async function register(): Promise<void> {
  const parent = await domain.invite()
  await domain.admin('entry', 'create', '--id', 'spiffe://example.org/app', '--parent', parent, ...Holder.selectors)
}

async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await expect.poll(holds, { timeout: 60_000, interval: 100, message: what }).toBe(true)
}

describe('an agent that is killed and started again while its server is away', () => {
  it('serves at once, to programs that start now too, the credentials that were in use', async () => {
    const server = await domain.startServer()
    await register()
    const agent = await domain.startAgent()
    const first = Holder.start(domain)
    const held = await first.holdsAll()
    await eventually(() => existsSync(join(domain.folder, 'agent', 'credentials.sealed')), 'they are on the disk')
    // The file is written a second after the first of them; the last one waits for the next time.
    await eventually(async () => {
      const { durable, credentials } = await domain.agentStatus()
      const { x509, wit, jwt } = credentials
      return x509 + wit + jwt === 3 && Date.now() / 1000 - (durable?.savedAt ?? Number.NaN) > 3
    }, 'they were all saved')

    await server.kill()
    await agent.kill()
    await domain.startAgent()
    const second = Holder.start(domain)
    expect(await second.holdsAll()).toEqual(held)
    expect(await domain.agentStatus()).toMatchObject({ state: 'ready', server: { connected: false } })
    first.expectHonesty()
    second.expectHonesty()
  })
})

describe('a server that is away longer than credentials live', () => {
  it('nothing is given after its end, programs hear that nothing is there, and have it again by themselves', async () => {
    await domain.remove()
    domain = await TrustDomain.create('example.org', SHORT)
    const server = await domain.startServer()
    await register()
    await domain.startAgent()
    const holder = Holder.start(domain)
    await holder.holdsAll()

    await server.kill()
    await holder.isRefusedAll()
    const before = KINDS.map((kind) => holder.events.findLast(({ kind: of, id }) => of === kind && id)?.id ?? '')
    await domain.startServer()
    await holder.holdsAll(before)
    holder.expectHonesty()
  }, 180_000)
})

describe('a machine that sleeps', () => {
  it('the agent renews when it wakes, and gives nothing that ended in its sleep', async () => {
    await domain.remove()
    domain = await TrustDomain.create('example.org', SHORT)
    await domain.startServer()
    await register()
    const agent = await domain.startAgent()
    const holder = Holder.start(domain)
    const held = await holder.holdsAll()

    agent.freeze()
    const end = Math.max(...KINDS.map((kind) => holder.last(kind)?.end ?? 0))
    await eventually(() => Date.now() / 1000 > end, 'all of them have ended')
    agent.thaw()
    await agent.until(() => agent.log.some(({ msg }) => /this machine slept/.test(String(msg))), 'it noticed')
    await holder.holdsAll(held)
    holder.expectHonesty()
  }, 180_000)
})

describe("the agent's own identity ends while the server is away", () => {
  it('programs are served all the same; then it says which command to run, and goes on with what that gives', async () => {
    await domain.remove()
    domain = await TrustDomain.create('example.org', 'svids: { agentTtl: 20 }\n')
    const server = await domain.startServer()
    await register()
    const agent = await domain.startAgent()
    const holder = Holder.start(domain)
    const held = await holder.holdsAll()

    await server.kill()
    await agent.until(
      () => agent.log.some(({ msg }) => msg === "the agent's own identity has expired"),
      'it ended',
      60_000,
    )
    expect(await Holder.start(domain).holdsAll()).toEqual(held)

    await domain.startServer()
    await agent.until(
      () => agent.log.some(({ msg }) => msg === 'this node cannot prove itself to the server'),
      'it said what it needs',
      180_000,
    )
    const { needs, state } = await domain.agentStatus()
    expect(state).toBe('ready')
    const [need] = needs ?? []
    const tokenFile = join(domain.folder, 'join-token')
    expect(need?.say).toContain(tokenFile)
    expect(need?.command).toEqual(['countersign', 'token', 'create', '--agent-path', '/node'])
    const made = await countersign([
      ...(need?.command ?? []).slice(1),
      ...['--admin-socket', domain.adminSocket, '--output', 'json'],
    ])
    writeFileSync(tokenFile, JSON.parse(made.stdout).token)
    const attested = () => agent.log.filter(({ msg }) => msg === 'agent attested').length
    await agent.until(() => attested() === 2, 'it attested anew', 180_000)
    await eventually(async () => (await domain.agentStatus()).server.connected, 'it is connected')
    expect((await domain.agentStatus()).needs).toBeUndefined()
    expect((await domain.admin('node', 'list'))['nodes']).toHaveLength(1)
    expect(holder.refusals).toEqual([])
    expect(readdirSync(join(domain.folder, 'agent'))).toContain('credentials.sealed')
  }, 420_000)
})
