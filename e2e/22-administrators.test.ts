/** A team's program registers programs below its own path, over the network; each decision is in the audit log. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { COMMAND, countersign, type Finished, type Program } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const AUDIENCE = 'https://admin.example.org'
const SERVER_ID = 'spiffe://example.org/countersign/server'
const CI = 'spiffe://example.org/team-a/ci'
const SELECTOR = ['--selector', `unix:uid:${process.getuid?.() ?? 0}`]

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

const port = (listener: string) =>
  new RegExp(`${listener}: .*port: (\\d+)`).exec(readFileSync(domain.serverConfig, 'utf8'))?.[1]
const machineUrl = () => `https://127.0.0.1:${port('machine')}`
const issuer = () => `https://localhost:${port('public')}`

/** The server's own JWT-SVIDs are tokens of an OpenID Connect issuer like any other. */
function configureIssuer(): void {
  appendFileSync(
    domain.serverConfig,
    `svids: { jwtIssuer: "${issuer()}" }
admin:
  oidc:
    - issuer: "${issuer()}"
      audience: ${AUDIENCE}
      webRootsFile: ./server/public-root.pem
      allowedAddresses: [127.0.0.1, "::1"]
`,
  )
}

async function startAll(): Promise<Program> {
  const server = await domain.startServer()
  const agentId = await domain.invite('/node')
  await domain.admin('entry', 'create', '--id', CI, '--parent', agentId, ...SELECTOR)
  await domain.startAgent()
  return server
}

/** As the program: with its own identity, from the Workload API. */
const asProgram = (...args: readonly string[]): Promise<Finished> =>
  countersign([...args, '--server', machineUrl(), '--output', 'json'], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })

/** As a user who has a token, and no Workload API. */
const asUser = (tokenFile: string, ...args: readonly string[]): Promise<Finished> =>
  countersign([
    ...[...args, '--server', machineUrl(), '--server-id', SERVER_ID, '--output', 'json'],
    ...['--server-bundle', join(domain.folder, 'bundle.json'), '--token-file', tokenFile],
  ])

const create = (path: string, parent = '/countersign/agent/node') => [
  ...['entry', 'create', '--id', `spiffe://example.org${path}`, '--parent', `spiffe://example.org${parent}`],
  ...['--selector', 'unix:uid:4711'],
]

/** What the audit log says of one administrator, in order. */
const decisions = (server: Program, subject: string) =>
  server.log
    .filter((line) => line['event'] === 'admin.called' && String(line['subject']).startsWith(subject))
    .map(({ action, decision, code }) => [action, decision, ...(code === undefined ? [] : [code])].join(' '))

it('a program registers below the path of its team, and nothing else', { timeout: 180_000 }, async () => {
  const server = await startAll()
  const nobody = await asProgram(...create('/team-a/web'))
  expect(nobody.exitCode).toBe(1)
  expect(nobody.stderr).toContain('entry.create needs role "registrar", and this identity has no role at all')
  const { id } = await domain.admin(
    ...['role', 'grant', 'registrar', '--prefix', '/team-a', '--workload', CI],
    ...['--parent-prefix', '/countersign/agent/node'],
  )

  const own = await asProgram(...create('/team-a/web'))
  expect(own, own.stderr).toMatchObject({ exitCode: 0 })
  const foreign = await asProgram(...create('/team-b/web'))
  expect(foreign.exitCode).toBe(1)
  expect(foreign.stderr).toContain('entry.create needs role "registrar" over "/team-b/web" (ERR_ADMIN_FORBIDDEN)')
  expect(foreign.stderr).toContain('hint: ')
  expect((await asProgram(...create('/team-a/x', '/countersign/agent/other'))).stderr).toContain('ERR_ADMIN_FORBIDDEN')
  expect((await asProgram(...create('/team-a/x'), '--admin')).stderr).toContain('ERR_ADMIN_FORBIDDEN')
  expect((await asProgram('node', 'ban', 'spiffe://example.org/countersign/agent/node')).stderr).toContain(
    'node.ban needs role "operator"',
  )

  const { id: hidden } = await domain.admin(...create('/team-b/hidden'))
  const [shown, absent] = [await asProgram('entry', 'show', String(hidden)), await asProgram('entry', 'show', 'absent')]
  expect(shown.stderr).toBe(absent.stderr)
  const list = JSON.parse((await asProgram('entry', 'list')).stdout)
  expect(list.entries.map(({ spiffeId }: { spiffeId: string }) => spiffeId)).toEqual([
    CI,
    'spiffe://example.org/team-a/web',
  ])

  await domain.admin('role', 'revoke', String(id))
  expect((await asProgram('entry', 'list')).stderr).toContain('ERR_ADMIN_NO_ROLE')
  expect(decisions(server, CI)).toEqual([
    'entry.create denied ERR_ADMIN_NO_ROLE',
    'entry.create allowed',
    'entry.create denied ERR_ADMIN_FORBIDDEN',
    'entry.create denied ERR_ADMIN_FORBIDDEN',
    'entry.create denied ERR_ADMIN_FORBIDDEN',
    'node.ban denied ERR_ADMIN_FORBIDDEN',
    'entry.read denied ERR_ENTRY_NOT_FOUND',
    'entry.read allowed ERR_ENTRY_NOT_FOUND',
    'entry.list allowed',
    'entry.list denied ERR_ADMIN_NO_ROLE',
  ])
  expect(decisions(server, 'uid:')).toContain('role.grant allowed')
})

it('a program watches the entries of its team, for as long as it has a role', { timeout: 180_000 }, async () => {
  await startAll()
  const grant = ['role', 'grant', 'viewer', '--prefix', '/team-a', '--workload', CI]
  const { id } = await domain.admin(...grant)
  const watch = domain.start([COMMAND, 'entry', 'watch', '--server', machineUrl(), '--output', 'json'], {
    SPIFFE_ENDPOINT_SOCKET: domain.endpoint,
  })
  await watch.untilOutput(/"event":"mark"/)
  await domain.admin(...create('/team-b/web'))
  await domain.admin(...create('/team-a/web'))
  await watch.untilOutput(/"event":"change".*team-a\/web/)
  // Another role for somebody: the server asks anew who watches, and the command goes on where it was.
  await domain.admin('role', 'grant', 'viewer', '--prefix', '/team-b', '--uid', '4711')
  await domain.admin(...create('/team-a/db'))
  await watch.untilOutput(/"event":"change".*team-a\/db/)
  await domain.admin('role', 'revoke', String(id))
  expect((await watch.finished()).exitCode).toBe(1)
  expect(watch.output).toContain('ERR_ADMIN_NO_ROLE')
  expect(watch.output).not.toContain('team-b')
  expect(watch.output).not.toContain('connection is lost')
})

it('a user of an OpenID Connect issuer does so with a token', { timeout: 180_000 }, async () => {
  configureIssuer()
  const server = await startAll()
  const fetchToken = async (audience: string) => {
    const file = join(domain.folder, `token-${audience.length}`)
    const { stdout } = await countersign(['jwt', 'fetch', '--audience', audience, '--output', 'json'], {
      SPIFFE_ENDPOINT_SOCKET: domain.endpoint,
    })
    const token = JSON.parse(stdout).svids[0].token
    writeFileSync(file, token, { mode: 0o600 })
    return { file, token: String(token) }
  }
  const { file, token } = await fetchToken(AUDIENCE)
  expect((await asUser(file, ...create('/team-a/web'))).stderr).toContain('ERR_ADMIN_NO_ROLE')
  await domain.admin('role', 'grant', 'registrar', '--prefix', '/team-a', '--issuer', issuer(), '--value', CI)
  const own = await asUser(file, ...create('/team-a/web'))
  expect(own, own.stderr).toMatchObject({ exitCode: 0 })
  expect((await asUser(file, ...create('/team-b/web'))).stderr).toContain(
    'entry.create needs role "registrar" over "/team-b/web"',
  )
  // The role is the token's, not that of the program whose name it has.
  expect((await asProgram('entry', 'list')).stderr).toContain('ERR_ADMIN_NO_ROLE')
  const elsewhere = await fetchToken('https://wiki.example.org')
  expect((await asUser(elsewhere.file, 'entry', 'list')).stderr).toContain(
    'credential is meant for another audience (ERR_ADMIN_TOKEN)',
  )
  expect(decisions(server, `${CI} of ${issuer()}`)).toEqual([
    'entry.create denied ERR_ADMIN_NO_ROLE',
    'entry.create allowed',
    'entry.create denied ERR_ADMIN_FORBIDDEN',
  ])
  expect(server.output).not.toContain(token)
  expect(server.output).not.toContain(elsewhere.token)
})
