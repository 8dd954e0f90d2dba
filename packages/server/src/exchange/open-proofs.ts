import type { Clock } from '@countersign/plugin-kit'
import type { CryptoBackend, ReplayMemory, TrustStore } from '@countersign/protocol'
import { AudiencePolicy, HttpSignatureVerifier, RequestVerifier, WitVerifier, WptVerifier } from '@countersign/protocol'
import {
  ClientAttestationPopVerifier,
  ClientAttestationVerifier,
  type DpopNonces,
  DpopProofVerifier,
} from '@countersign/protocol/exchange'
import type { Attesters } from './issuers/attesters.ts'
import type { ProveRequestOptions } from './prove-request.ts'
import type { TokenServiceUrls } from './token-service-urls.ts'
import type { X509Proof } from './x509-proof.ts'

export interface ProofParts {
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly trust: TrustStore
  readonly urls: TokenServiceUrls
  readonly usedTokens: ReplayMemory
  readonly nonces: DpopNonces | undefined
  readonly challenges: DpopNonces | undefined
  readonly attesters: Attesters
  readonly x509: X509Proof | undefined
}

/** What every endpoint verifies proofs by. One replay memory for all: what was used at one is used up at the others. */
export function openProofs(parts: ProofParts): Omit<ProveRequestOptions, 'url'> {
  const { crypto, clock, trust, urls, usedTokens: replayMemory, nonces, challenges, attesters, x509 } = parts
  const wit = new WitVerifier({ trust, crypto })
  const { origin } = new URL(urls.tokenEndpoint)
  // The endpoint that is asked, or the whole service.
  const audience = new AudiencePolicy({ accepted: [urls.tokenEndpoint, urls.issuer], baseUrls: [origin] })
  const shared = { crypto, audience, replayMemory }
  return {
    crypto,
    clock,
    dpop: new DpopProofVerifier({ crypto, replayMemory }),
    nonces,
    wits: new RequestVerifier({ wit, wpt: new WptVerifier(shared) }),
    signatures: new HttpSignatureVerifier({ ...shared, wit }),
    attestation: {
      crypto,
      attesters,
      attestations: new ClientAttestationVerifier(crypto),
      pops: new ClientAttestationPopVerifier({ crypto, replayMemory }),
      svids: new WitVerifier({ trust, crypto, profile: 'wit-svid' }),
      issuer: urls.issuer,
      challenges,
    },
    x509,
  }
}
