import { describe, expect, it } from 'vitest'
import { parseProfile } from './profile.ts'
import { parseRole, providerArn } from './role.ts'
import { parseSessionName, sessionNameOf } from './session-name.ts'
import { parseRegion, regionalEndpoint } from './sts-endpoint.ts'

describe('parseRole', () => {
  it('takes an ARN apart', () => {
    expect(parseRole('arn:aws-cn:iam::123456789012:role/team/a/app')).toEqual({
      arn: 'arn:aws-cn:iam::123456789012:role/team/a/app',
      ...{ partition: 'aws-cn', account: '123456789012', name: 'app' },
    })
  })

  it.each([
    'arn:aws:iam::123456789012:user/app',
    'arn:aws:iam::12345678901:role/app',
    'arn:aws:iam::123456789012:role/',
    'arn:aws:iam::123456789012:role/a b',
    'arn:aws:iam::123456789012:role/$(id)',
    'arn:aws:iam::123456789012:role/app\n',
    `arn:aws:iam::123456789012:role/${'a'.repeat(65)}`,
    `arn:aws:iam::123456789012:role/${'a/'.repeat(1100)}app`,
    'app',
  ])('refuses %j', (text) => {
    expect(() => parseRole(text)).toThrow('Expected the ARN of a role')
  })

  it('leads to the provider in the same account and partition, path included', () => {
    const role = parseRole('arn:aws-us-gov:iam::123456789012:role/app')
    expect(providerArn(role, 'https://example.org/workloads')).toBe(
      'arn:aws-us-gov:iam::123456789012:oidc-provider/example.org/workloads',
    )
  })
})

describe('regionalEndpoint', () => {
  it.each([
    ['aws', 'eu-central-1', 'https://sts.eu-central-1.amazonaws.com/'],
    ['aws-us-gov', 'us-gov-west-1', 'https://sts.us-gov-west-1.amazonaws.com/'],
    ['aws-cn', 'cn-north-1', 'https://sts.cn-north-1.amazonaws.com.cn/'],
    ['aws-eusc', 'eusc-de-east-1', 'https://sts.eusc-de-east-1.amazonaws.eu/'],
  ])('of %s in %s', (partition, region, url) => {
    expect(regionalEndpoint(partition, parseRegion(region)).href).toBe(url)
  })

  it('is not guessed', () => {
    expect(() => regionalEndpoint('aws-iso', 'us-iso-east-1')).toThrow('name it by --endpoint')
    expect(() => regionalEndpoint('toString', 'us-iso-east-1')).toThrow('name it by --endpoint')
  })

  it.each(['eu-central-1.evil.example/', 'EU-CENTRAL-1', 'eu', ''])('is of no region %j', (text) => {
    expect(() => parseRegion(text)).toThrow('Expected a region')
  })
})

describe('sessionNameOf', () => {
  it.each([
    ['spiffe://example.org/team-a/app', 'example.org.team-a.app'],
    [`spiffe://example.org/${'a'.repeat(80)}/app`, `${'a'.repeat(60)}.app`],
  ])('of %s', (subject, name) => {
    expect(parseSessionName(sessionNameOf(subject))).toBe(name)
  })
})

describe('parseProfile', () => {
  it.each(['a]', 'a b', '', 'a\nb'])('refuses %j', (text) => {
    expect(() => parseProfile(text)).toThrow()
  })
})
