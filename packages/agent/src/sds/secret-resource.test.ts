import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt'
import { decodeBase64, type SpiffeBundle } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it } from 'vitest'
import { TestAuthority } from '../test-support/test-authority.ts'
import type { DataSource } from './gen/envoy/config/core/v3/base_pb.ts'
import {
  type CertificateValidationContext,
  SecretSchema,
  SPIFFECertValidatorConfigSchema,
} from './gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import { plainValidationContext, spiffeValidationContext, tlsCertificate, versionOf } from './secret-resource.ts'

const NOW = 1_700_000_000

const open = (resource: Any) => anyUnpack(resource, SecretSchema)
const textOf = (source: DataSource | undefined) => Buffer.from(source?.specifier.value ?? []).toString('latin1')

async function svid(authority: TestAuthority, path: string) {
  const key = generateSigningKey('ES256')
  const spiffeId = `spiffe://${authority.trustDomain}${path}`
  const { chain } = await authority.x509(spiffeId, key.publicJwk, 3600)
  return { spiffeId, chain: chain.map(decodeBase64), key, issuedAt: 0, expiresAt: NOW + 3600 }
}

async function authorityOf(trustDomain: string) {
  const authority = await TestAuthority.create(trustDomain, () => NOW)
  const bundle = { trustDomain, x509Authorities: [authority.certificate] } as unknown as SpiffeBundle
  return { authority, bundle }
}

function validation(resource: Any): CertificateValidationContext {
  const type = open(resource)?.type
  if (type?.case !== 'validationContext') throw new Error(`is ${type?.case}`)
  return type.value
}

function trustDomainsOf(resource: Any) {
  const { trustedCa, customValidatorConfig } = validation(resource)
  expect(trustedCa).toBeUndefined()
  expect(customValidatorConfig?.name).toBe('envoy.tls.cert_validator.spiffe')
  const config = anyUnpack(customValidatorConfig?.typedConfig as Any, SPIFFECertValidatorConfigSchema)
  return config?.trustDomains.map(({ name, trustBundle }) => [name, textOf(trustBundle)])
}

describe('tlsCertificate', () => {
  it('holds chain and key that belong together, as PEM, under the name that was asked for', async () => {
    const { authority } = await authorityOf('example.org')
    const { name, resource } = tlsCertificate('default', await svid(authority, '/web'))
    const secret = open(resource)
    expect([name, secret?.name]).toEqual(['default', 'default'])
    if (secret?.type.case !== 'tlsCertificate') throw new Error('is no certificate')
    const leaf = new X509Certificate(textOf(secret.type.value.certificateChain))
    expect(leaf.subjectAltName).toBe('URI:spiffe://example.org/web')
    expect(leaf.checkPrivateKey(createPrivateKey(textOf(secret.type.value.privateKey)))).toBe(true)
  })

  it('has a version that says nothing of the key and changes with the certificate', async () => {
    const { authority } = await authorityOf('example.org')
    const [one, other] = [await svid(authority, '/web'), await svid(authority, '/web')]
    const { version } = tlsCertificate('default', one)
    expect(tlsCertificate('other name', one).version).toBe(version)
    expect(tlsCertificate('default', other).version).not.toBe(version)
    expect(tlsCertificate('default', { ...one, key: other.key }).version).toBe(version)
  })
})

describe('spiffeValidationContext', () => {
  it('keeps the roots of each trust domain apart', async () => {
    const [own, foreign] = [await authorityOf('example.org'), await authorityOf('other.example')]
    const { resource } = spiffeValidationContext('ALL', [own.bundle, foreign.bundle])
    const [first, second] = trustDomainsOf(resource) ?? []
    expect([first?.[0], second?.[0]]).toEqual(['example.org', 'other.example'])
    expect(new X509Certificate(first?.[1] ?? '').raw).toEqual(Buffer.from(own.authority.certificate))
    expect(new X509Certificate(second?.[1] ?? '').raw).toEqual(Buffer.from(foreign.authority.certificate))
  })
})

describe('plainValidationContext', () => {
  it('holds the roots without a validator, which is another version', async () => {
    const { authority, bundle } = await authorityOf('example.org')
    const plain = plainValidationContext('ROOTCA', bundle)
    const { trustedCa, customValidatorConfig } = validation(plain.resource)
    expect(customValidatorConfig).toBeUndefined()
    expect(new X509Certificate(textOf(trustedCa)).raw).toEqual(Buffer.from(authority.certificate))
    expect(spiffeValidationContext('ROOTCA', [bundle]).version).not.toBe(plain.version)
  })
})

describe('versionOf', () => {
  it('does not take one division into parts for another', () => {
    expect(versionOf(['a', 'b'])).not.toBe(versionOf(['a,b']))
    expect(versionOf(['a","b'])).not.toBe(versionOf(['a', 'b']))
  })
})
