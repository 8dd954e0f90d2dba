import { parseTokenKeys, TrustedKeys, TxnTokenVerifier } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Area } from '../area.ts'
import { optional, requireArray, requireBoolean, requireNumber, requireObject, requireString } from '../shape.ts'
import type { TestCase } from '../test-case.ts'

/** Transaction Tokens as a workload of `trust_domain` receives them: `{ txn_token }`. */
export const txnTokenArea: Area = {
  name: 'txn-token',
  configKeys: ['tts_jwks', 'trust_domain', 'clock_skew', 'require_kid', 'reject_future_iat', 'max_age'],
  ignoredConfigKeys: ['trust', 'base_url', 'accepted_audiences', 'other_token_headers', 'max_proof_lifetime'],
  inputKeys: ['txn_token'],
  resultKeys: ['sub', 'txn', 'req_wl'],
  prepare: (testCase) => {
    const { id, input, now, expect } = testCase
    const token = requireString(input['txn_token'], `${id}: input.txn_token`)
    const verifier = txnTokenVerifierFor(testCase)
    return [
      {
        expect,
        async verify() {
          const { subject, transactionId, requestingWorkload } = await verifier.verify(token, now ?? 0)
          return { sub: subject, txn: transactionId, req_wl: requestingWorkload }
        },
      },
    ]
  },
}

function txnTokenVerifierFor({ id, config }: TestCase): TxnTokenVerifier {
  const at = (key: string) => `${id}: config.${key}`
  const flag = (key: string) => optional(config[key], at(key), requireBoolean) ?? false
  const jwks = requireObject(config['tts_jwks'], at('tts_jwks'))
  const keys = parseTokenKeys(requireArray(jwks['keys'], at('tts_jwks.keys')), 'sig')
  const trusted = new TrustedKeys(keys, nodeCrypto)
  const maxAgeSeconds = optional(config['max_age'], at('max_age'), requireNumber)
  return new TxnTokenVerifier({
    trustDomain: requireString(config['trust_domain'], at('trust_domain')),
    keys: () => trusted,
    clockSkewSeconds: optional(config['clock_skew'], at('clock_skew'), requireNumber) ?? 0,
    requireKeyId: flag('require_kid'),
    rejectFutureIssuedAt: flag('reject_future_iat'),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
  })
}
