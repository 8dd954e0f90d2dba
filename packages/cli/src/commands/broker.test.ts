import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BrokerApiError, type ConnectBrokerOptions, referToPid } from '@countersign/workload-api/broker'
import { describe, expect, it } from 'vitest'
import type { HeavyModules } from '../heavy-modules.ts'
import { fakeDomain } from '../test-support/fake-domain.ts'
import { fakeWorkloadApi } from '../test-support/fake-workload-api.ts'
import { runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const AGENT = 'spiffe://example.org/countersign/agent/node-1'
const ARGUMENTS = ['--pid', '4711', '--agent-id', AGENT, '--socket', '/run/w.sock', '--broker-socket', '/run/b.sock']

/** An agent that gives this program an identity of its own, and those of process 4711. */
async function fakeAgent({ refuse = false } = {}) {
  const domain = await fakeDomain()
  const [own, web] = [await domain.issue('/mesh/proxy'), await domain.issue('/shop/web')]
  const message = (path: string, svid: typeof own) => ({
    svids: [
      {
        spiffeId: `spiffe://example.org${path}`,
        x509Svid: svid.certificate,
        x509SvidKey: svid.key.exportPkcs8(),
        bundle: domain.root,
        hint: '',
      },
    ],
    crl: [],
    federatedBundles: {},
  })
  const api = fakeWorkloadApi({ x509Svid: message('/mesh/proxy', own) })
  const connections: ConnectBrokerOptions[] = []
  const asked: unknown[] = []
  let closed = 0
  const rejectOther = (reference: ReturnType<typeof referToPid>) => {
    asked.push(reference)
    if (refuse) throw new BrokerApiError('ERR_BROKER_API_NOT_ENTITLED', 'broker API has no identity', { detail: 'no' })
  }
  const module = {
    referToPid,
    connectBrokerApi(options: ConnectBrokerOptions) {
      connections.push(options)
      return {
        async *subscribeToX509Svid(reference: ReturnType<typeof referToPid>) {
          rejectOther(reference)
          yield message('/shop/web', web)
        },
        async fetchJwtSvid(request: { reference: ReturnType<typeof referToPid> }) {
          rejectOther(request.reference)
          return { svids: [{ spiffeId: 'spiffe://example.org/shop/web', svid: 'the.jwt.svid', hint: '' }] }
        },
        close: () => {
          closed += 1
        },
      }
    },
  }
  const brokerApi = async () => module as unknown as Awaited<ReturnType<HeavyModules['brokerApi']>>
  return { modules: { ...api.modules, brokerApi }, connections, asked, closed: () => closed, web }
}

describe('broker x509 fetch', () => {
  it('asks as the program it is for the process that is named, and prints no key', async () => {
    const agent = await fakeAgent()
    const { code, stdout } = await runCli(['broker', 'x509', 'fetch', ...ARGUMENTS], agent)
    expect(code).toBe(0)
    expect(stdout).toContain('spiffe id      spiffe://example.org/shop/web\n')
    expect(stdout).not.toContain(Buffer.from(agent.web.key.exportPkcs8()).toString('base64').slice(40, 80))
    expect(agent.connections[0]).toMatchObject({ address: 'unix:///run/b.sock', serverId: AGENT })
    expect(agent.connections[0]?.identity.svids[0]?.spiffeId).toBe('spiffe://example.org/mesh/proxy')
    expect(agent.asked).toEqual([referToPid(4711)])
    expect(agent.closed()).toBe(1)
  })

  it('writes the key for its owner only', async () => {
    const folder = join(await temporaryFolder(), 'svid')
    const { code } = await runCli(['broker', 'x509', 'fetch', ...ARGUMENTS, '--write', folder], await fakeAgent())
    expect([code, (await stat(join(folder, 'key.pem'))).mode & 0o777]).toEqual([0, 0o600])
  })

  it('says what to do when the broker may not have it', async () => {
    const agent = await fakeAgent({ refuse: true })
    const { code, stderr } = await runCli(['broker', 'x509', 'fetch', ...ARGUMENTS], agent)
    expect(code).toBe(1)
    expect(stderr).toMatch(/ERR_BROKER_API_NOT_ENTITLED.*\n.*\nhint: create an entry/)
    expect(agent.closed()).toBe(1)
  })

  it.each([
    ['no process', ['--agent-id', AGENT]],
    ['no agent', ['--pid', '1']],
    ['a process that is none', ['--pid', '0', '--agent-id', AGENT]],
    ['an agent that is none', ['--pid', '1', '--agent-id', 'agent']],
  ])('needs to know whom: %s', async (_, args) => {
    const { code } = await runCli(['broker', 'x509', 'fetch', ...args], await fakeAgent())
    expect(code).toBe(2)
  })
})

describe('broker jwt fetch', () => {
  it('prints the token, so that it can be used', async () => {
    const agent = await fakeAgent()
    const args = ['broker', 'jwt', 'fetch', ...ARGUMENTS, '--audience', 'orders']
    expect(await runCli(args, agent)).toMatchObject({ code: 0, stdout: 'the.jwt.svid\n' })
    const { stdout } = await runCli([...args, '--output', 'json'], agent)
    expect(JSON.parse(stdout)).toEqual({
      svids: [{ spiffeId: 'spiffe://example.org/shop/web', token: 'the.jwt.svid' }],
    })
  })
})
