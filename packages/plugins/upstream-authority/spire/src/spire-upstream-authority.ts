import { create } from '@bufbuild/protobuf'
import {
  type CaRequest,
  type IssuedCa,
  type Logger,
  type TokenKey,
  type UpstreamAuthority,
  UpstreamAuthorityError,
  type UpstreamBundle,
} from '@countersign/plugin-kit'
import { type PublicJwk, parseSpki, WorkloadIdentityError } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import {
  GetBundleRequestSchema,
  PublishJWTAuthorityRequestSchema,
  PublishWITAuthorityRequestSchema,
} from './gen/spire/api/server/bundle/v1/bundle_pb.ts'
import { NewDownstreamX509CARequestSchema } from './gen/spire/api/server/svid/v1/svid_pb.ts'
import type { Bundle } from './gen/spire/api/types/bundle_pb.ts'
import { isUnimplemented, toUpstreamError } from './spire-failure.ts'
import { bundleMethods, SpireServer, type SpireServerOptions, svidMethods } from './spire-server.ts'

/** What the field of the request holds. */
const MAX_TTL_SECONDS = 2 ** 31 - 1

/** A SPIRE server signs the CAs of this one, as it does for SPIRE servers below it. */
export class SpireUpstreamAuthority implements UpstreamAuthority {
  readonly #server: SpireServer
  readonly #log: Logger
  /** A server that does not know WIT-SVIDs is not asked again and again. */
  #isWithoutWit = false

  constructor(server: SpireServer, log: Logger) {
    this.#server = server
    this.#log = log
  }

  async issueCa({ csr, trustDomain, lifetimeSeconds }: CaRequest): Promise<IssuedCa> {
    const request = create(NewDownstreamX509CARequestSchema, {
      csr,
      preferredTtl: Math.min(lifetimeSeconds, MAX_TTL_SECONDS),
    })
    const { answer, trustDomain: found } = await this.#ask(() =>
      this.#server.call(svidMethods.newDownstreamX509CA, request),
    )
    if (found !== trustDomain) {
      throw new UpstreamAuthorityError(
        'ERR_UPSTREAM_AUTHORITY_IDENTITY',
        `SPIRE server is of trust domain ${found}: both must be of one`,
      )
    }
    return { chain: answer.caCertChain, roots: answer.x509Authorities }
  }

  async readBundle(): Promise<UpstreamBundle> {
    const request = create(GetBundleRequestSchema)
    const { answer } = await this.#ask(() => this.#server.call(bundleMethods.getBundle, request))
    const { x509Authorities, jwtAuthorities, witAuthorities } = answer
    const roots = x509Authorities.map(({ asn1 }) => asn1)
    const taintedRoots = x509Authorities.filter(({ tainted }) => tainted).map(({ asn1 }) => asn1)
    return {
      ...{ roots, taintedRoots },
      jwtAuthorities: jwtAuthorities.flatMap((key) => this.#toJwk(key)),
      witAuthorities: witAuthorities.flatMap((key) => this.#toJwk(key)),
    }
  }

  /** SPIRE drops a key when it has ended, and has no call to do so earlier. */
  async publishTokenKeys(keys: readonly TokenKey[]): Promise<void> {
    const bundle = await this.readBundle()
    const known = new Set([...bundle.jwtAuthorities, ...bundle.witAuthorities].map(({ kid }) => kid))
    for (const { kind, publicJwk, notAfter } of keys) {
      if (known.has(publicJwk.kid)) continue
      const key = {
        publicKey: await nodeCrypto.exportSpki(publicJwk),
        keyId: publicJwk.kid ?? '',
        expiresAt: BigInt(notAfter),
      }
      await (kind === 'jwt' ? this.#publishJwt(key) : this.#publishWit(key))
    }
  }

  async close(): Promise<void> {
    this.#server.close()
  }

  async #publishJwt(jwtAuthority: PublishedKey): Promise<void> {
    const request = create(PublishJWTAuthorityRequestSchema, { jwtAuthority })
    await this.#ask(() => this.#server.call(bundleMethods.publishJWTAuthority, request))
  }

  async #publishWit(witAuthority: PublishedKey): Promise<void> {
    if (this.#isWithoutWit) return
    const request = create(PublishWITAuthorityRequestSchema, { witAuthority })
    try {
      await this.#server.call(bundleMethods.publishWITAuthority, request)
    } catch (error) {
      if (!isUnimplemented(error)) throw toUpstreamError(error)
      this.#isWithoutWit = true
      this.#log.warn({}, 'SPIRE server does not publish keys of WIT-SVIDs: they are known below this server only')
    }
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw toUpstreamError(error)
    }
  }

  /** One key that cannot be read is no reason to lose the others. */
  #toJwk({ publicKey, keyId }: Pick<Bundle['jwtAuthorities'][number], 'publicKey' | 'keyId'>): PublicJwk[] {
    try {
      return [{ ...parseSpki(publicKey), kid: keyId }]
    } catch (error) {
      if (!(error instanceof WorkloadIdentityError)) throw error
      this.#log.debug({ keyId, code: error.code }, 'a key of the SPIRE server cannot be used, left out')
      return []
    }
  }
}

/** @throws EndpointError for an address of a Workload API that is none */
export function openSpireUpstreamAuthority(options: SpireServerOptions, log: Logger): SpireUpstreamAuthority {
  return new SpireUpstreamAuthority(new SpireServer(options), log)
}

interface PublishedKey {
  readonly publicKey: Uint8Array
  readonly keyId: string
  readonly expiresAt: bigint
}
