import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@countersign/plugin-kit'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { loadAgentConfig, parseAgentConfig } from './agent-config.ts'

const minimal = {
  trustDomain: 'example.org',
  dataDir: './data',
  server: { url: 'https://server.example.org:8441' },
  bootstrapBundle: './bundle.json',
  nodeAttestor: { name: 'join-token', config: { tokenFile: './token' } },
}

describe('parseAgentConfig', () => {
  it('fills in defaults and makes paths absolute', () => {
    const config = parseAgentConfig(minimal, '/etc/countersign')
    expect(config).toMatchObject({
      trustDomain: 'example.org',
      dataDir: '/etc/countersign/data',
      configDir: '/etc/countersign',
      bootstrapBundle: '/etc/countersign/bundle.json',
      socket: '/run/countersign/workload.sock',
      server: { url: 'https://server.example.org:8441', timeout: 10, syncInterval: 30 },
      limits: {
        connections: 4096,
        connectionsPerUser: 2048,
        streams: 16_384,
        streamsPerUser: 8192,
        identities: 1000,
        handshakeTimeout: 10,
        credentials: 4096,
      },
      attestation: { timeout: 10, cache: 5 },
      sds: {
        defaultSvidName: 'default',
        defaultBundleName: 'ROOTCA',
        defaultAllBundlesName: 'ALL',
        disableSpiffeCertValidation: false,
      },
      operator: { enabled: true, socket: '/etc/countersign/data/operator.sock' },
      log: { level: 'info' },
    })
    expect(config.plugins.nodeAttestor.name).toBe('join-token')
    expect(config.plugins.workloadAttestors.map(({ name }) => name)).toEqual(['unix'])
  })

  it("takes the operator's socket from the folder of the file, and can leave it out", () => {
    const { operator } = parseAgentConfig({ ...minimal, operator: { socket: 'o.sock' } }, '/etc/countersign')
    expect(operator.socket).toBe('/etc/countersign/o.sock')
    const off = { enabled: false, socket: `/${'a'.repeat(107)}` }
    expect(parseAgentConfig({ ...minimal, operator: off }, '/').operator.enabled).toBe(false)
  })

  it.each([
    ['an unknown key', { ...minimal, dataDirectory: 'x' }, 'ERR_CONFIG_UNKNOWN_KEY'],
    ['a server without TLS', { ...minimal, server: { url: 'http://server:8441' } }, 'ERR_CONFIG_INVALID'],
    ['a server URL with a path', { ...minimal, server: { url: 'https://server:8441/api' } }, 'ERR_CONFIG_INVALID'],
    ['a trust domain that is none', { ...minimal, trustDomain: 'Example.Org' }, 'ERR_CONFIG_INVALID'],
    ['no node attestor', { ...minimal, nodeAttestor: undefined }, 'ERR_CONFIG_INVALID'],
    ['an unknown node attestor', { ...minimal, nodeAttestor: { name: 'join-tokn' } }, 'ERR_CONFIG_INVALID'],
    [
      'wrong settings of an attestor',
      { ...minimal, nodeAttestor: { name: 'join-token', config: { toke: '' } } },
      'ERR_CONFIG_UNKNOWN_KEY',
    ],
    ['no workload attestor', { ...minimal, workloadAttestors: [] }, 'ERR_CONFIG_INVALID'],
    [
      'an attestor named twice',
      { ...minimal, workloadAttestors: [{ name: 'unix' }, { name: 'unix' }] },
      'ERR_CONFIG_INVALID',
    ],
    ['two secrets of one name', { ...minimal, sds: { defaultSvidName: 'ALL' } }, 'ERR_CONFIG_INVALID'],
    ['the wildcard as a name', { ...minimal, sds: { defaultBundleName: '*' } }, 'ERR_CONFIG_INVALID'],
    ['an ID as a name', { ...minimal, sds: { defaultAllBundlesName: 'spiffe://all' } }, 'ERR_CONFIG_INVALID'],
    ['a secret without a name', { ...minimal, sds: { defaultSvidName: '' } }, 'ERR_CONFIG_INVALID'],
    [
      'an operator socket path that is too long',
      { ...minimal, operator: { socket: `/${'a'.repeat(107)}` } },
      'ERR_CONFIG_INVALID',
    ],
    ['a TCP address for a socket', { ...minimal, socket: 'tcp://127.0.0.1:8081' }, 'ERR_CONFIG_INVALID'],
    ['a socket path that is too long', { ...minimal, socket: `/${'a'.repeat(107)}` }, 'ERR_CONFIG_INVALID'],
  ])('refuses %s', (_, value, code) => {
    expect(() => parseAgentConfig(value, '/')).toThrow(expect.objectContaining({ code }))
  })
})

describe('loadAgentConfig', () => {
  it('reads a file; paths start where the file lies, for plugins too', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'agent.yaml')
    await writeFile(join(folder, 'token'), 'secret-token\n', { mode: 0o600 })
    await writeFile(
      path,
      [
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the agent's own interpolation
        'trustDomain: ${DOMAIN}',
        'dataDir: data',
        'server: { url: https://127.0.0.1:8441 }',
        'nodeAttestor: { name: join-token, config: { tokenFile: token } }',
        'socket: agent.sock',
      ].join('\n'),
    )
    const { plugins, ...config } = await loadAgentConfig(path, { DOMAIN: 'example.org' })
    expect(config).toMatchObject({
      trustDomain: 'example.org',
      dataDir: join(folder, 'data'),
      socket: join(folder, 'agent.sock'),
    })
    const context = { clock: systemClock, log: silentLogger, dataDir: config.dataDir, configDir: config.configDir }
    expect(await plugins.nodeAttestor.create(context).gatherEvidence()).toEqual({ token: 'secret-token' })
  })
})
