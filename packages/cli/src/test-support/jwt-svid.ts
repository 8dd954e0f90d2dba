import { JwtSvidIssuer, type SignatureAlgorithm, WorkloadId } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { NOW } from './run-cli.ts'

export interface JwtSvidOptions {
  readonly issuer?: string | null
  readonly subject?: string
  readonly audience?: string
  readonly alg?: SignatureAlgorithm
  readonly ttlSeconds?: number
  readonly now?: number
}

/** A JWT-SVID as a server with `svids.jwtIssuer` issues it. */
export async function jwtSvid(options: JwtSvidOptions = {}): Promise<string> {
  const { issuer = 'https://id.example.org', subject = 'spiffe://example.org/app', audience = 'a', now = NOW } = options
  const key = generateSigningKey(options.alg ?? 'ES256', { kid: 'key-1' })
  return new JwtSvidIssuer(key).issue({
    ...(issuer === null ? {} : { issuer }),
    ...{ subject: WorkloadId.parse(subject), audience: [audience], now, ttlSeconds: options.ttlSeconds ?? 300 },
  })
}
