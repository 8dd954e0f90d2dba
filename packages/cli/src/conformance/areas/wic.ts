import { decodePem, type ExpectedPeer, TrustStore, verifyWic, WorkloadId } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Area } from '../area.ts'
import {
  optional,
  requireArray,
  requireNumber,
  requireObject,
  requireOneOf,
  requireString,
  requireStrings,
} from '../shape.ts'
import type { TestCase } from '../test-case.ts'

/** Workload Identity Certificates, X509-SVIDs among them: `{ chain }`, PEM, leaf first. */
export const wicArea: Area = {
  name: 'wic',
  configKeys: ['trust', 'role', 'clock_skew', 'expected_peer'],
  ignoredConfigKeys: ['base_url', 'accepted_audiences', 'other_token_headers', 'max_proof_lifetime'],
  inputKeys: ['chain'],
  resultKeys: ['sub'],
  prepare: (testCase) => {
    const { id, config, input, now, expect } = testCase
    const at = (key: string) => `${id}: config.${key}`
    const chain = requireStrings(input['chain'], `${id}: input.chain`)
    const trust = parseX509Trust(testCase)
    const expected = optional(config['expected_peer'], at('expected_peer'), requireString)
    const expectedPeer: ExpectedPeer | undefined =
      expected === undefined ? undefined : { id: WorkloadId.parse(expected) }
    const options = {
      roots: (origin: string) => trust.get(origin)?.x509Roots,
      role: requireOneOf(config['role'], ['client', 'server'], at('role')),
      skewSeconds: optional(config['clock_skew'], at('clock_skew'), requireNumber) ?? 0,
      now: now ?? 0,
      crypto: nodeCrypto,
      ...(expectedPeer === undefined ? {} : { expectedPeer }),
    }
    return [
      {
        expect,
        async verify() {
          const { id: subject } = await verifyWic({ ...options, chain: chain.flatMap(decodePem) })
          return { sub: subject.toString() }
        },
      },
    ]
  },
}

/** Only what vouches for certificates. */
function parseX509Trust({ id, config }: TestCase): TrustStore {
  const place = `${id}: config.trust`
  const trust = new TrustStore(nodeCrypto)
  requireArray(config['trust'], place).forEach((item, index) => {
    const anchor = requireObject(item, `${place}[${index}]`)
    const pem = optional(anchor['x509'], `${place}[${index}].x509`, requireStrings) ?? []
    const origin = requireString(anchor['origin'], `${place}[${index}].origin`)
    trust.set(origin, { x509Roots: pem.flatMap(decodePem) })
  })
  return trust
}
