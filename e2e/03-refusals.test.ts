/** What operators get wrong, and what attackers try at the edges: each is refused with a reason, and nothing is overwritten. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COMMAND, countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const WORKLOAD = fileURLToPath(new URL('./support/workload.mjs', import.meta.url))

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

describe('configuration', () => {
  it('names the path of an unknown key and the nearest known one, for server and agent, run and validate', async () => {
    writeFileSync(domain.serverConfig, readFileSync(domain.serverConfig, 'utf8').replace('port:', 'prot:'))
    writeFileSync(domain.agentConfig, `${readFileSync(domain.agentConfig, 'utf8')}\nsockett: x\n`)
    for (const verb of ['validate', 'run']) {
      const server = await countersign(['server', verb, '--config', domain.serverConfig])
      expect(server.stderr).toMatch(/machine\.prot.*machine\.port.*ERR_CONFIG_UNKNOWN_KEY/)
      expect(server.exitCode).toBe(1)
      const agent = await countersign(['agent', verb, '--config', domain.agentConfig])
      expect(agent.stderr).toMatch(/sockett.*socket.*ERR_CONFIG_UNKNOWN_KEY/)
      expect(agent.exitCode).toBe(1)
    }
  })
})

describe('datastore', () => {
  it('held by another server: the second one refuses to start and says why', async () => {
    await domain.startServer()
    const config = join(domain.folder, 'second.yaml')
    writeFileSync(
      config,
      'trustDomain: example.org\ndataDir: ./server\nmachine: { host: 127.0.0.1, port: 0 }\npublic: { host: 127.0.0.1, port: 0 }\nadmin: { socket: ./second.sock }\n',
    )
    const second = await countersign(['server', 'run', '--config', config])
    expect(second.stderr).toMatch(/ERR_STORE_LOCKED/)
    expect(second.exitCode).toBe(1)
  })

  it('damaged: the server refuses to start and leaves the file as it is', async () => {
    const server = await domain.startServer()
    await domain.invite()
    await server.stop()
    const file = join(domain.folder, 'server', 'server.db')
    const damaged = readFileSync(file)
    damaged.fill(0x5a, 4096, 12_288)
    writeFileSync(file, damaged)
    copyFileSync(file, join(domain.folder, 'copy.db'))
    const again = await countersign(['server', 'run', '--config', domain.serverConfig])
    expect(again.stderr).toMatch(/ERR_STORE_CORRUPT/)
    expect(again.exitCode).toBe(1)
    expect(readFileSync(file).equals(readFileSync(join(domain.folder, 'copy.db')))).toBe(true)
  })
})

describe('join token', () => {
  it('used by two agents at once: exactly one joins', async () => {
    await domain.startServer()
    await domain.invite()
    const other = join(domain.folder, 'other.yaml')
    writeFileSync(
      other,
      readFileSync(domain.agentConfig, 'utf8')
        .replace('dataDir: ./agent', 'dataDir: ./other')
        .replace('./agent/workload.sock', './other/workload.sock'),
    )
    const agents = [domain.agentConfig, other].map((config) =>
      domain.start([COMMAND, 'agent', 'run', '--config', config]),
    )
    await Promise.race(
      agents.map((agent) => agent.until(() => /ERR_ATTESTATION_TOKEN_UNKNOWN/.test(agent.output), 'it was refused')),
    )
    const { nodes } = await domain.admin('node', 'list')
    expect(nodes).toHaveLength(1)
  })
})

describe('a program nobody registered', () => {
  it('gets no identity and no reason; the operator gets the nearest entry and what is missing', async () => {
    await domain.startServer()
    const parent = await domain.invite()
    const agent = await domain.startAgent()
    await domain.admin(
      'entry',
      'create',
      '--id',
      'spiffe://example.org/app',
      '--parent',
      parent,
      `--selector=unix:uid:${process.getuid?.()}`,
      '--selector=unix:path:/nowhere',
    )
    const workload = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
    await workload.untilOutput(/"retry":"ERR_WORKLOAD_API_DENIED"/)
    expect(workload.output).not.toContain('spiffe://example.org/app')
    await agent.until(() => agent.log.some(({ msg }) => msg === 'no identity issued'), 'it told the operator')
    const refusal = agent.log.find(({ msg }) => msg === 'no identity issued')
    expect(JSON.stringify(refusal)).toContain('spiffe://example.org/app')
    expect(JSON.stringify(refusal)).toContain('unix:path:/nowhere')
  })

  it('banned node: its programs lose their identity', async () => {
    await domain.startServer()
    const parent = await domain.invite()
    await domain.startAgent()
    await domain.admin(
      'entry',
      'create',
      '--id',
      'spiffe://example.org/app',
      '--parent',
      parent,
      `--selector=unix:uid:${process.getuid?.()}`,
    )
    const workload = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
    await workload.untilOutput(/"identities":\["spiffe:\/\/example\.org\/app"\]/)
    await domain.admin('node', 'ban', parent)
    await workload.untilOutput(/"retry":"ERR_WORKLOAD_API_DENIED"/)
  })
})
