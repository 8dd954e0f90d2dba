/** A node is banned: programs on other nodes refuse its programs by mutual TLS, at once, on open connections too. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { COMMAND } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const SERVER = fileURLToPath(new URL('./support/mtls-server.mjs', import.meta.url))
const CLIENT = fileURLToPath(new URL('./support/mtls-client.mjs', import.meta.url))
/** The lists are pushed within a second; the rest is for a busy machine. */
const PATIENCE_MS = 15_000

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

const register = (path: string, parent: string) =>
  domain.admin(
    ...['entry', 'create', '--id', `spiffe://example.org${path}`, '--parent', parent],
    ...['--selector', `unix:uid:${process.getuid?.() ?? 0}`],
  )

/** Another node: an agent of the same server, with a folder and an identity of its own. @returns its socket */
async function startSecondAgent(): Promise<string> {
  const folder = join(domain.folder, 'second')
  mkdirSync(folder)
  const config = join(domain.folder, 'second.yaml')
  writeFileSync(config, readFileSync(domain.agentConfig, 'utf8').replaceAll('./agent', './second'))
  const agent = domain.start([COMMAND, 'agent', 'run', '--config', config])
  await agent.untilOutput(/agent is ready/)
  return `unix://${join(folder, 'workload.sock')}`
}

it('a banned node is refused by the programs of the others', { timeout: 240_000 }, async () => {
  await domain.startServer()
  await register('/orders', await domain.invite('/one'))
  await domain.startAgent()
  const second = await domain.invite('/two')
  await register('/storefront', second)
  const secondEndpoint = await startSecondAgent()

  const orders = domain.start([SERVER], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
  await orders.untilOutput(/"port":\d+/)
  const [, port = ''] = /"port":(\d+)/.exec(orders.output) ?? []
  const thief = domain.start([CLIENT], { SPIFFE_ENDPOINT_SOCKET: secondEndpoint, PORT: port })
  const says = (how: string, answer: string) => thief.untilOutput(new RegExp(`{"how":"${how}","answer":"${answer}"}`))
  await says('kept', 'spiffe://example.org/storefront')
  await says('new', 'spiffe://example.org/storefront')
  expect(orders.output).not.toContain('refused')

  const begin = Date.now()
  await domain.admin('node', 'ban', second)
  await says('kept', 'refused: [^"]*')
  await says('new', 'refused: connection closed')
  expect(Date.now() - begin).toBeLessThan(PATIENCE_MS)
  // Both of the judgements: of the connection that was open, and of the certificates of new ones.
  await orders.untilOutput(/"refused":"ERR_CERTIFICATE_REVOKED"/)
  expect(new Set(orders.output.match(/"refused":"\w+"/g))).toEqual(new Set(['"refused":"ERR_CERTIFICATE_REVOKED"']))
  expect(thief.output.split('\n').filter((line) => line.includes('storefront'))).toHaveLength(2)
})
