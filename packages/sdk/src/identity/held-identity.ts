import {
  decodeUnverifiedJws,
  HttpSignatureBuilder,
  isSignatureAlgorithm,
  type JsonObject,
  parseJsonObject,
  parsePublicJwk,
  thumbprintInput,
  WorkloadId,
  WptBuilder,
} from '@countersign/protocol'
import { DpopProofBuilder } from '@countersign/protocol/exchange'
import { importSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import type { WITSVID } from '@countersign/workload-api'
import { SdkError } from '../sdk-error.ts'

/** One identity this program holds: its token, and the means to prove that the token is its own. */
export interface HeldIdentity {
  readonly id: WorkloadId
  /** The operator's name for it, where a program has several. */
  readonly hint: string | undefined
  readonly wit: string
  readonly proofs: WptBuilder
  readonly signatures: HttpSignatureBuilder
  /** For access tokens that are bound to the same key. */
  readonly dpop: DpopProofBuilder
  readonly expiresAt: number
}

/**
 * Reads a delivery of the Workload API. The first identity is the default one.
 *
 * @param otherTokenFields lower-case names of further fields that a signature must cover
 * @throws SdkError `ERR_SDK_WORKLOAD_API` when one of them makes no sense or there is none: a whole message counts, or
 *   nothing of it
 * @see SPIFFE Workload API sections 4.5 and 8
 */
export function readIdentities(
  svids: readonly WITSVID[],
  otherTokenFields: readonly string[] = [],
): readonly HeldIdentity[] {
  if (svids.length === 0) throw new SdkError('ERR_SDK_WORKLOAD_API', 'the agent delivered no identity')
  return svids.map((svid) => readIdentity(svid, otherTokenFields))
}

/**
 * Reads an identity as the Workload API delivers it. The agent is trusted: it holds the key.
 *
 * @throws SdkError `ERR_SDK_WORKLOAD_API` when the delivery makes no sense; nothing of it is quoted
 */
function readIdentity(svid: WITSVID, otherTokenFields: readonly string[]): HeldIdentity {
  try {
    const jwk = parseJsonObject(svid.witSvidKey)
    const { alg } = jwk
    if (!isSignatureAlgorithm(alg)) throw new TypeError('key names no algorithm')
    const key = importSigningKey({ jwk }, alg)
    const { exp, sub, cnf } = decodeUnverifiedJws(svid.witSvid).payload
    if (typeof exp !== 'number') throw new TypeError('token has no expiry')
    if (sub !== svid.spiffeId) throw new TypeError('token is for another identity')
    const confirmed = parsePublicJwk((cnf as JsonObject | undefined)?.['jwk'])
    if (thumbprintInput(confirmed) !== thumbprintInput(key.publicJwk)) throw new TypeError('token is for another key')
    return {
      id: WorkloadId.parse(svid.spiffeId),
      hint: svid.hint === '' ? undefined : svid.hint,
      wit: svid.witSvid,
      proofs: new WptBuilder(svid.witSvid, key, nodeCrypto),
      signatures: new HttpSignatureBuilder(svid.witSvid, key, nodeCrypto, { otherTokenFields }),
      dpop: new DpopProofBuilder(key, nodeCrypto),
      expiresAt: exp,
    }
  } catch (cause) {
    throw new SdkError('ERR_SDK_WORKLOAD_API', 'the agent delivered an identity that cannot be read', { cause })
  }
}
