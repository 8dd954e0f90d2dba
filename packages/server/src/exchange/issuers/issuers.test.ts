import { silentLogger } from '@countersign/plugin-kit'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { IssuerConfig } from '../token-service-schema.ts'
import { ConfiguredIssuer } from './configured-issuer.ts'
import { openIssuerKeySource } from './issuer-key-source.ts'
import { Issuers, validateIssuers } from './issuers.ts'

const CLUSTER = 'https://kubernetes.default.svc.cluster.local'

function configWith(change: Partial<IssuerConfig> = {}): IssuerConfig {
  return {
    name: 'cluster',
    issuer: CLUSTER,
    profiles: ['service-account'],
    jwks: { keys: [] },
    refreshInterval: 300,
    subjectPrefix: '',
    requiredClaims: {},
    claims: {},
    reuse: false,
    tokenEndpointAudience: false,
    ...change,
  }
}

async function open(...configs: IssuerConfig[]): Promise<Issuers> {
  const parts = { crypto: nodeCrypto, clock: new FakeClock(), log: silentLogger }
  const fetchNothing = () => Promise.reject(new Error('nothing is fetched here'))
  const issuers = new Issuers(
    configs.map(
      (config) => new ConfiguredIssuer(config, { ...parts, source: openIssuerKeySource(config, fetchNothing) }),
    ),
  )
  await issuers.start()
  return issuers
}

const keysNamed = (kid: string) => ({ jwks: { keys: [generateSigningKey('ES256', { kid }).publicJwk] } })

describe('Issuers', () => {
  it('finds the one with this URL that may be used so', async () => {
    const issuers = await open(configWith(), configWith({ name: 'login', issuer: 'https://login.example' }))
    expect(issuers.find('service-account', CLUSTER, 'x').name).toBe('cluster')
    await expectCode(() => issuers.find('service-account', `${CLUSTER}/`, 'x'), 'ERR_CREDENTIAL_ISSUER')
    await expectCode(() => issuers.find('access-token', CLUSTER, 'x'), 'ERR_CREDENTIAL_ISSUER')
  })

  it('tells issuers of one URL apart by the name of the key, and guesses nothing', async () => {
    const issuers = await open(
      configWith({ name: 'a', ...keysNamed('one') }),
      configWith({ name: 'b', ...keysNamed('two') }),
      configWith({ name: 'c', ...keysNamed('two') }),
    )
    expect(issuers.find('service-account', CLUSTER, 'one').name).toBe('a')
    await expectCode(() => issuers.find('service-account', CLUSTER, 'two'), 'ERR_CREDENTIAL_ISSUER')
    await expectCode(() => issuers.find('service-account', CLUSTER, 'three'), 'ERR_CREDENTIAL_ISSUER')
    await expectCode(() => issuers.find('service-account', CLUSTER, undefined), 'ERR_CREDENTIAL_ISSUER')
  })
})

describe('validateIssuers', () => {
  it('accepts several that cannot be taken for each other', () => {
    expect(() =>
      validateIssuers([
        configWith({ subjectPrefix: 'a/' }),
        configWith({ name: 'login', issuer: 'https://login.example', subjectPrefix: 'b/' }),
      ]),
    ).not.toThrow()
  })

  it.each<[string, IssuerConfig[]]>([
    ['one name for two', [configWith({ subjectPrefix: 'a/' }), configWith({ subjectPrefix: 'b/' })]],
    ['a name that is a trust domain', [configWith({ name: 'example.org' })]],
    ["the service's own name", [configWith({ name: 'self' })]],
    ['two without a prefix', [configWith(), configWith({ name: 'b', subjectPrefix: 'b/' })]],
    [
      'a prefix that begins another',
      [configWith({ subjectPrefix: 'a' }), configWith({ name: 'b', subjectPrefix: 'a/b' })],
    ],
    ['the same prefix', [configWith({ subjectPrefix: 'a' }), configWith({ name: 'b', subjectPrefix: 'a' })]],
    ['an issuer of many without a tenant', [configWith({ issuer: 'https://token.actions.githubusercontent.com' })]],
    [
      'a claim under the name of one that tokens have anyway',
      [configWith({ claims: { 'kubernetes.io/namespace': 'sub' } })],
    ],
  ])('refuses %s', async (_, configs) => {
    await expectCode(() => validateIssuers(configs), 'ERR_EXCHANGE_ISSUER')
  })

  it('accepts an issuer of many with a tenant', () => {
    const issuer = 'https://token.actions.githubusercontent.com'
    expect(() => validateIssuers([configWith({ issuer, requiredClaims: { repository_owner: ['us'] } })])).not.toThrow()
  })
})

describe('openIssuerKeySource', () => {
  it.each<[string, Partial<IssuerConfig>, string]>([
    ['two places', { jwksFile: '/a' }, 'ERR_EXCHANGE_ISSUER'],
    ['no place', { jwks: undefined }, 'ERR_EXCHANGE_ISSUER'],
    ['keys that are none', { jwks: { keys: {} } }, 'ERR_EXCHANGE_KEYS'],
    ['a URL without TLS', { jwks: undefined, jwksUri: 'http://a.example/keys' }, 'ERR_EXCHANGE_KEYS'],
    ['a URL with a user', { jwks: undefined, jwksUri: 'https://u:p@a.example/keys' }, 'ERR_EXCHANGE_KEYS'],
    ['discovery without TLS', { jwks: undefined, discovery: true, issuer: 'http://a.example' }, 'ERR_EXCHANGE_KEYS'],
  ])('refuses %s', async (_, change, code) => {
    const config = JSON.parse(JSON.stringify(configWith(change)))
    await expectCode(() => openIssuerKeySource(config, () => Promise.reject(new Error('no'))), code)
  })
})
