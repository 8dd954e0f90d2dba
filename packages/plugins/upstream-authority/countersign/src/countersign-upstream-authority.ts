import { DownstreamBundle, DownstreamCa, type DownstreamCaRequest, type DownstreamKeys } from '@countersign/api'
import {
  type CaRequest,
  type IssuedCa,
  type TokenKey,
  type UpstreamAuthority,
  UpstreamAuthorityError,
  type UpstreamBundle,
} from '@countersign/plugin-kit'
import { decodeBase64, encodeBase64, errorCode, parseSpiffeBundle } from '@countersign/protocol'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { type UpperAnswer, UpperServer, type UpperServerOptions } from './upper-server.ts'

/** The server above takes no longer wish. */
const MAX_TTL_SECONDS = 3650 * 86_400

/** Another Countersign server of the same trust domain signs the CAs of this one. */
export class CountersignUpstreamAuthority implements UpstreamAuthority {
  readonly #server: UpperServer
  readonly #close: () => void

  constructor(options: UpperServerOptions) {
    this.#server = new UpperServer(options)
    this.#close = () => options.identity.close()
  }

  async issueCa({ csr, trustDomain, lifetimeSeconds }: CaRequest): Promise<IssuedCa> {
    const body: DownstreamCaRequest = { csr: encodeBase64(csr), ttl: Math.min(lifetimeSeconds, MAX_TTL_SECONDS) }
    const answer = await this.#server.call({ method: 'POST', path: '/v1/downstream/ca', body })
    if (answer.trustDomain !== trustDomain) {
      throw new UpstreamAuthorityError(
        'ERR_UPSTREAM_AUTHORITY_IDENTITY',
        `server above is of trust domain ${answer.trustDomain}: both must be of one`,
      )
    }
    const { chain, bundle } = read(DownstreamCa, answer)
    const { roots } = understand(() => toBundle(bundle, answer.trustDomain))
    return { chain: understand(() => chain.map(decodeBase64)), roots }
  }

  async readBundle(): Promise<UpstreamBundle> {
    const answer = await this.#server.call({ method: 'GET', path: '/v1/downstream/bundle' })
    return understand(() => toBundle(read(DownstreamBundle, answer), answer.trustDomain))
  }

  async publishTokenKeys(keys: readonly TokenKey[]): Promise<void> {
    const body: DownstreamKeys = {
      keys: keys.map(({ kind, publicJwk, notAfter }) => ({ use: `${kind}-svid`, key: { ...publicJwk }, notAfter })),
    }
    await this.#server.call({ method: 'PUT', path: '/v1/downstream/keys', body })
  }

  async close(): Promise<void> {
    this.#close()
  }
}

function read<Schema extends TSchema>(schema: Schema, { value }: UpperAnswer): Static<Schema> {
  if (Value.Check(schema, value)) return value
  throw new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_ANSWER', 'answer of the server above has another shape')
}

function toBundle({ bundle, taintedX509 }: DownstreamBundle, trustDomain: string): UpstreamBundle {
  const { x509Authorities, jwtAuthorities, witAuthorities } = parseSpiffeBundle(trustDomain, bundle.bundle)
  return { roots: x509Authorities, taintedRoots: taintedX509.map(decodeBase64), jwtAuthorities, witAuthorities }
}

function understand<T>(make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof UpstreamAuthorityError || errorCode(cause) === undefined) throw cause
    throw new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_ANSWER', 'answer of the server above cannot be read', {
      detail: errorCode(cause) ?? '',
      cause,
    })
  }
}
