import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { loadServerConfig, parseServerConfig } from './server-config.ts'

const minimal = { trustDomain: 'example.org', dataDir: './data' }
const parse = (change: object = {}) => parseServerConfig({ ...minimal, ...change }, '/etc/countersign')

const ISSUER = 'https://login.example.org'
const OIDC = { issuer: ISSUER, audience: 'countersign' }

describe('parseServerConfig', () => {
  it('needs a trust domain and a data folder, and has a default for the rest', () => {
    const { plugins, ...config } = parse()
    expect(config).toEqual({
      trustDomain: 'example.org',
      dataDir: '/etc/countersign/data',
      configDir: '/etc/countersign',
      machine: { host: '0.0.0.0', port: 8441 },
      public: { host: '0.0.0.0', port: 8443, clientCertificates: false },
      admin: {
        socket: '/etc/countersign/data/admin.sock',
        socketAccess: { mode: 0o600 },
        remote: true,
        oidc: [],
      },
      authorities: { x509Ttl: 86_400, jwtTtl: 86_400, witTtl: 86_400, oauthTtl: 86_400, jwtAlgorithm: 'ES256' },
      svids: { x509Ttl: 3600, jwtTtl: 300, witTtl: 3600, agentTtl: 3600, issuanceRate: 100, issuanceBurst: 20_000 },
      bundle: { refreshHint: 60 },
      downstream: { caTtl: 86_400, pathLength: 0 },
      log: { level: 'info' },
    })
    expect([...plugins.nodeAttestors.keys()]).toEqual(['join-token'])
  })

  it('takes paths from the folder of the file', () => {
    const config = parse({ admin: { socket: 'a.sock' }, public: { certFile: 'c.pem', keyFile: '/k.pem' } })
    expect(config.admin.socket).toBe('/etc/countersign/a.sock')
    expect(config.public).toMatchObject({ certFile: '/etc/countersign/c.pem', keyFile: '/k.pem' })
  })

  it.each([
    [{ trustDomian: 'x' }, 'ERR_CONFIG_UNKNOWN_KEY'],
    [{ svids: { x509TTL: 60 } }, 'ERR_CONFIG_UNKNOWN_KEY'],
    [{ keyManager: { name: 'disk', config: { path: 'x' } } }, 'ERR_CONFIG_UNKNOWN_KEY'],
    [{ trustDomain: undefined }, 'ERR_CONFIG_INVALID'],
    [{ trustDomain: 'Example.org' }, 'ERR_CONFIG_INVALID'],
    [{ trustDomain: 'spiffe://example.org' }, 'ERR_CONFIG_INVALID'],
    [{ dataDir: '' }, 'ERR_CONFIG_INVALID'],
    [{ machine: { port: 65_536 } }, 'ERR_CONFIG_INVALID'],
    [{ machine: { port: '8441x' } }, 'ERR_CONFIG_INVALID'],
    [{ authorities: { x509Ttl: 0 } }, 'ERR_CONFIG_INVALID'],
    [{ svids: { jwtIssuer: 'http://id.example.org' } }, 'ERR_CONFIG_INVALID'],
    [{ svids: { jwtIssuer: 'https://id.example.org?a' } }, 'ERR_CONFIG_INVALID'],
    [{ authorities: { jwtAlgorithm: 'EdDSA' } }, 'ERR_CONFIG_INVALID'],
    [{ machine: { advertisedHost: 'Host.example' } }, 'ERR_CONFIG_INVALID'],
    [{ public: { host: '-' } }, 'ERR_CONFIG_INVALID'],
    [{ public: { certFile: 'c.pem' } }, 'ERR_CONFIG_INVALID'],
    [{ public: { keyFile: 'k.pem' } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { socket: 'a'.repeat(108) } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { socketMode: '0777' } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { socketMode: '0660' } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { socketGroup: 5 } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { socketMode: '0666', socketGroup: 5 } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [{ issuer: ISSUER }] } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [{ issuer: `${ISSUER}?a`, audience: 'a' }] } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [{ issuer: 'http://localhost', audience: 'a' }] } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [{ issuer: ISSUER, audience: 'a', algorithms: ['HS256'] }] } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [{ issuer: ISSUER, audience: 'a', algorithms: ['none'] }] } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [{ issuer: ISSUER, audience: 'a', algorithms: [] }] } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [{ issuer: ISSUER, audience: 'a', claims: [] }] } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [{ issuer: ISSUER, audience: 'a', allowedAddresses: ['10/8'] }] } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [{ issuer: ISSUER, audience: 'a', keysFile: 'k', webRootsFile: 'r' }] } }, 'ERR_CONFIG_INVALID'],
    [{ admin: { oidc: [OIDC, OIDC] } }, 'ERR_CONFIG_INVALID'],
    [{ keyManager: { name: 'hsm' } }, 'ERR_CONFIG_INVALID'],
    [{ upstreamAuthority: { name: 'vault' } }, 'ERR_CONFIG_INVALID'],
    [{ upstreamAuthority: { name: 'disk' } }, 'ERR_CONFIG_INVALID'],
    [{ upstreamAuthority: { name: 'disk', config: { certfile: 'a' } } }, 'ERR_CONFIG_UNKNOWN_KEY'],
    [
      { upstreamAuthority: { name: 'countersign', config: { serverUrl: 'http://a', workloadApi: 'unix:///a' } } },
      'ERR_CONFIG_INVALID',
    ],
    [
      { upstreamAuthority: { name: 'countersign', config: { serverUrl: 'https://a', workloadApi: '/a' } } },
      'ERR_CONFIG_INVALID',
    ],
    [
      { upstreamAuthority: { name: 'spire', config: { serverAddress: 'a', workloadApi: 'unix:///a' } } },
      'ERR_CONFIG_INVALID',
    ],
    [
      { upstreamAuthority: { name: 'spire', config: { serverAddress: 'a:8081', workloadApi: 'a' } } },
      'ERR_CONFIG_INVALID',
    ],
    [{ downstream: { pathLength: 6 } }, 'ERR_CONFIG_INVALID'],
    [{ nodeAttestors: [{ name: 'tpm' }] }, 'ERR_CONFIG_INVALID'],
    [{ nodeAttestors: [{ name: 'join-token' }, { name: 'join-token' }] }, 'ERR_CONFIG_INVALID'],
    [{ log: { level: 'verbose' } }, 'ERR_CONFIG_INVALID'],
  ])('refuses %j', async (change, code) => {
    await expectCode(() => parse(change), code)
  })

  it('takes each kind of upstream', () => {
    const workloadApi = 'unix:///run/agent.sock'
    for (const [name, config] of [
      ['disk', { certFile: 'ca.pem', keyFile: 'ca.key' }],
      ['countersign', { serverUrl: 'https://upper.example:8441', workloadApi }],
      ['spire', { serverAddress: '[::1]:8081', workloadApi }],
    ] as const) {
      expect(parse({ upstreamAuthority: { name, config } }).plugins.upstreamAuthority?.name).toBe(name)
    }
  })

  it('takes an issuer as it is written, and one without TLS only on this machine', () => {
    for (const jwtIssuer of ['https://id.example.org/base/', 'http://localhost:8443']) {
      expect(parse({ svids: { jwtIssuer } }).svids.jwtIssuer).toBe(jwtIssuer)
    }
  })

  it('opens the admin socket to nobody else, and the network to those who have a role, unless it says otherwise', () => {
    expect(parse({}).admin).toMatchObject({ socketAccess: { mode: 0o600 }, remote: true, oidc: [] })
    expect(parse({ admin: { socketMode: '0660', socketGroup: 5 } }).admin.socketAccess).toEqual({ mode: 0o660, gid: 5 })
    expect(parse({ admin: { oidc: [{ ...OIDC, webRootsFile: 'roots.pem' }] } }).admin.oidc).toEqual([
      { ...OIDC, claims: ['sub'], algorithms: ['RS256', 'ES256'], webRootsFile: '/etc/countersign/roots.pem' },
    ])
  })

  it('names the wrong key and the near one', () => {
    expect(() => parse({ svids: { x509TTL: 60 } })).toThrow(/svids\.x509TTL.*x509Ttl/)
  })
})

describe('loadServerConfig', () => {
  it('reads a file, with variables', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'server.yaml')
    const variable = (name: string) => ['$', '{', name, '}'].join('')
    const lines = [`trustDomain: ${variable('DOMAIN')}`, 'dataDir: data', 'machine:', `  port: ${variable('PORT:-0')}`]
    await writeFile(path, lines.join('\n'))
    const config = await loadServerConfig(path, { DOMAIN: 'example.org' })
    expect(config).toMatchObject({ trustDomain: 'example.org', dataDir: join(folder, 'data'), machine: { port: 0 } })
  })

  it('says so when there is no file', async () => {
    await expectCode(loadServerConfig(join(await temporaryFolder(), 'absent.yaml')), 'ERR_CONFIG_NOT_FOUND')
  })
})
