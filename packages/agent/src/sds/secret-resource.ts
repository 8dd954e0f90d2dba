/** Secrets as Envoy wants them, each with a version that changes when its content does. */
import { createHash } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { type Any, anyPack } from '@bufbuild/protobuf/wkt'
import { encodePem, type SpiffeBundle } from '@countersign/protocol'
import type { WorkloadX509Svid } from '../issuance/issuer.ts'
import { type DataSource, DataSourceSchema } from './gen/envoy/config/core/v3/base_pb.ts'
import {
  CertificateValidationContextSchema,
  type Secret,
  SecretSchema,
  SPIFFECertValidatorConfigSchema,
  TlsCertificateSchema,
} from './gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import { encodePrivateKeyPem } from './private-key-pem.ts'

/** The type of every resource of this service, as xDS names types. */
export const SECRET_TYPE_URL = `type.googleapis.com/${SecretSchema.typeName}`

export interface SecretResource {
  readonly name: string
  /** Opaque; made from the public part alone, because Envoy shows versions to whoever may see its state. */
  readonly version: string
  /** The `Secret`. */
  readonly resource: Any
}

const SPIFFE_VALIDATOR = 'envoy.tls.cert_validator.spiffe'
/** Characters of base64url: 132 bits. */
const VERSION_LENGTH = 22

/** Certificate chain and key of one identity, PEM in the message itself. */
export function tlsCertificate(name: string, { chain, key }: WorkloadX509Svid): SecretResource {
  const certificateChain = encodePem(chain)
  const value = create(TlsCertificateSchema, {
    certificateChain: inline(certificateChain),
    privateKey: inline(encodePrivateKeyPem(key.exportPkcs8())),
  })
  return resourceOf(name, { case: 'tlsCertificate', value }, [certificateChain])
}

/**
 * Roots of several trust domains, each for peers of that domain alone, which Envoy's SPIFFE certificate validator sees
 * to. With the plain roots of a foreign domain that domain could sign certificates in anybody's name.
 */
export function spiffeValidationContext(name: string, bundles: readonly SpiffeBundle[]): SecretResource {
  const trustDomains = bundles.map(({ trustDomain, x509Authorities }) => ({
    name: trustDomain,
    pem: encodePem(x509Authorities),
  }))
  const config = create(SPIFFECertValidatorConfigSchema, {
    trustDomains: trustDomains.map((each) => ({ name: each.name, trustBundle: inline(each.pem) })),
  })
  const value = create(CertificateValidationContextSchema, {
    customValidatorConfig: {
      name: SPIFFE_VALIDATOR,
      typedConfig: anyPack(SPIFFECertValidatorConfigSchema, config),
    },
  })
  const content = trustDomains.flatMap((each) => [each.name, each.pem])
  return resourceOf(name, { case: 'validationContext', value }, ['spiffe', ...content])
}

/** The roots of one trust domain, for Envoy's ordinary validator. */
export function plainValidationContext(name: string, { x509Authorities }: SpiffeBundle): SecretResource {
  const pem = encodePem(x509Authorities)
  const value = create(CertificateValidationContextSchema, { trustedCa: inline(pem) })
  return resourceOf(name, { case: 'validationContext', value }, ['plain', pem])
}

/** Short text that is the same for the same parts, whatever they hold. */
export function versionOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, VERSION_LENGTH)
}

function resourceOf(name: string, type: Secret['type'], publicContent: readonly string[]): SecretResource {
  const secret = create(SecretSchema, { name, type })
  return { name, version: versionOf(publicContent), resource: anyPack(SecretSchema, secret) }
}

function inline(text: string): DataSource {
  return create(DataSourceSchema, { specifier: { case: 'inlineBytes', value: new TextEncoder().encode(text) } })
}
