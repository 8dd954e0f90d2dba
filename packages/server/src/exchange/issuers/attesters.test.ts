import { silentLogger } from '@countersign/plugin-kit'
import type { PublicJwk } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { IssuerConfig } from '../token-service-schema.ts'
import { Attesters } from './attesters.ts'
import { ConfiguredIssuer } from './configured-issuer.ts'

const config = (name: string, profiles = ['client-attestation']): IssuerConfig => ({
  name,
  issuer: `https://${name}.example`,
  profiles,
  refreshInterval: 300,
  subjectPrefix: `${name}/`,
  requiredClaims: {},
  claims: {},
  reuse: false,
  tokenEndpointAudience: false,
})
const keyNamed = (kid: string) => generateSigningKey('ES256', { kid }).publicJwk

/** Attesters whose keys are what is put into `keys`, whenever they are asked for. */
async function open(keys: Record<string, PublicJwk[]>, ...others: IssuerConfig[]) {
  const clock = new FakeClock()
  const asked: string[] = []
  const issuers = [...Object.keys(keys).map((name) => config(name)), ...others].map((each) => {
    const load = async () => {
      asked.push(each.name)
      return [...(keys[each.name] ?? [])]
    }
    return new ConfiguredIssuer(each, { crypto: nodeCrypto, clock, log: silentLogger, source: { changes: true, load } })
  })
  await Promise.all(issuers.map((issuer) => issuer.refreshKeys()))
  asked.length = 0
  return { attesters: new Attesters(issuers), clock, asked }
}

describe('Attesters', () => {
  it('are those issuers that may attest, and no other', async () => {
    const { attesters } = await open({ a: [] }, config('cluster', ['service-account']))
    expect(attesters.size).toBe(1)
    expect((await attesters.find('any', undefined)).name).toBe('a')
    expect((await attesters.find(undefined, 'https://cluster.example')).name).toBe('a')
    await expectCode((await open({})).attesters.find('any', undefined), 'ERR_CREDENTIAL_ISSUER')
  })

  it('are told apart by the name of the key, and by nothing else that is not certain', async () => {
    const { attesters } = await open({ a: [keyNamed('one'), keyNamed('same')], b: [keyNamed('two'), keyNamed('same')] })
    expect((await attesters.find('one', undefined)).name).toBe('a')
    expect((await attesters.find('two', 'https://nobody.example')).name).toBe('b')
    for (const kid of ['same', 'three', undefined]) {
      await expectCode(attesters.find(kid, undefined), 'ERR_CREDENTIAL_ISSUER')
    }
  })

  it('are told apart by "iss" where it names one of them, whosever the key is', async () => {
    const { attesters } = await open({ a: [keyNamed('same')], b: [keyNamed('same'), keyNamed('two')] })
    expect((await attesters.find('same', 'https://b.example')).name).toBe('b')
    expect((await attesters.find('two', 'https://a.example')).name).toBe('a')
  })

  it('are asked for a key that none has, all of them, once in an interval', async () => {
    const keys = { a: [keyNamed('one')], b: [keyNamed('two')] }
    const { attesters, clock, asked } = await open(keys)
    clock.jump(300)
    keys.b.push(keyNamed('new'))
    expect((await attesters.find('new', undefined)).name).toBe('b')
    expect(asked.sort()).toEqual(['a', 'b'])
    await expectCode(attesters.find('newer', undefined), 'ERR_CREDENTIAL_ISSUER')
    expect(asked).toHaveLength(2)
  })
})
