import { type AudiencePolicy, HttpSignatureVerifier, InProcessReplayMemory } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { optional, requireNumber, requireStrings } from './shape.ts'
import type { TestCase } from './test-case.ts'
import { witVerifierFor } from './wit-configuration.ts'

/** The product's verifier of message signatures, configured as a case says, with a memory of its own. */
export function signatureVerifierFor(testCase: TestCase, audience: AudiencePolicy | undefined): HttpSignatureVerifier {
  const { id, config } = testCase
  const at = (key: string) => `${id}: config.${key}`
  const maxLifetimeSeconds = optional(config['max_proof_lifetime'], at('max_proof_lifetime'), requireNumber)
  const otherTokenFields = optional(config['other_token_headers'], at('other_token_headers'), requireStrings)
  return new HttpSignatureVerifier({
    crypto: nodeCrypto,
    wit: witVerifierFor(testCase),
    audience,
    replayMemory: new InProcessReplayMemory(),
    clockSkewSeconds: optional(config['clock_skew'], at('clock_skew'), requireNumber) ?? 0,
    ...(maxLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds }),
    ...(otherTokenFields === undefined ? {} : { otherTokenFields }),
  })
}
