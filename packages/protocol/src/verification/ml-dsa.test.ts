import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { parseSpiffeBundle } from '../bundle/spiffe-bundle.ts'
import { TrustStore } from '../bundle/trust-store.ts'
import { AudiencePolicy } from '../http/audience.ts'
import { MAX_HEADER_BYTES } from '../http/request-fields.ts'
import { HttpSignatureBuilder } from '../http-signature/http-signature-builder.ts'
import { HttpSignatureVerifier } from '../http-signature/http-signature-verifier.ts'
import { WorkloadId } from '../identifier/workload-id.ts'
import { WitIssuer, type WitProfile } from '../issuance/issue-wit.ts'
import { MAX_TOKEN_BYTES } from '../jws/compact-jws.ts'
import { SIGNATURE_ALGORITHMS } from '../keys/algorithm.ts'
import type { CryptoBackend, SigningKey } from '../keys/crypto-backend.ts'
import { ML_DSA_ALGORITHMS, type MlDsaAlgorithm, type TokenAlgorithm } from '../keys/ml-dsa.ts'
import { generateMlDsaSigningKey } from '../keys-node/ml-dsa.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { nodeCryptoWith } from '../keys-node/node-crypto-with.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { WptBuilder } from '../presentation/build-wpt.ts'
import { InProcessReplayMemory } from './replay-memory.ts'
import { RequestVerifier } from './request-verifier.ts'
import { WitVerifier } from './wit-verifier.ts'
import { WptVerifier } from './wpt-verifier.ts'

const NOW = 1_800_000_000
const audience = new AudiencePolicy({ baseUrls: ['https://api.example.org'] })
const crypto = nodeCryptoWith({ experimentalMlDsa: true })
const subject = WorkloadId.parse('spiffe://example.org/caller')
const elliptic = generateSigningKey('ES256', { kid: 'elliptic' })

interface Setting {
  readonly algorithms?: readonly TokenAlgorithm[]
  readonly crypto?: CryptoBackend
  readonly profile?: WitProfile
}

function issue(issuerKey: SigningKey<TokenAlgorithm>, key: SigningKey<TokenAlgorithm>): string {
  const issuer = new WitIssuer(issuerKey, 'wimse', undefined, ML_DSA_ALGORITHMS)
  return issuer.issue({ subject, confirmationKey: key.publicJwk, now: NOW, ttlSeconds: 600 }) as string
}

function verifier(issuerKey: SigningKey<TokenAlgorithm>, setting: Setting): WitVerifier {
  const backend = setting.crypto ?? crypto
  const trust = new TrustStore(backend)
  trust.set(subject.origin, { witKeys: [elliptic.publicJwk, issuerKey.publicJwk] })
  const { algorithms, profile } = setting
  return new WitVerifier({
    trust,
    crypto: backend,
    ...(algorithms === undefined ? {} : { algorithms }),
    ...(profile === undefined ? {} : { profile }),
  })
}

describe.each(ML_DSA_ALGORITHMS)('with %s', (alg) => {
  const issuerKey = generateMlDsaSigningKey(alg, { kid: 'lattice' })
  const key = generateMlDsaSigningKey(alg)
  const wit = issue(issuerKey, key)
  const named = { algorithms: [...SIGNATURE_ALGORITHMS, alg] }

  it('a request is issued, proved, verified, and not taken twice', async () => {
    const builder = new WptBuilder(wit, key, crypto)
    const wpt = await builder.build({ audience: 'https://api.example.org/orders', now: NOW })
    const requests = new RequestVerifier({
      wit: verifier(issuerKey, named),
      wpt: new WptVerifier({ crypto, audience, replayMemory: new InProcessReplayMemory() }),
    })
    const verify = async (proof: string) =>
      requests.verify(
        { target: '/orders', rawHeaders: ['Workload-Identity-Token', wit, 'Workload-Proof-Token', proof] },
        NOW,
      )
    const forged = await new WptBuilder(wit, issuerKey, crypto).build({
      audience: 'https://api.example.org/orders',
      now: NOW,
    })
    await expectCode(verify(forged), 'ERR_PROOF_SIGNATURE')
    expect((await verify(wpt)).wit.confirmationKey.alg).toBe(alg)
    await expectCode(verify(wpt), 'ERR_PROOF_REPLAYED')
    // What the documentation says of sizes.
    expect(Math.max(wit.length, wpt.length)).toBeLessThan(MAX_TOKEN_BYTES)
    expect(wit.length + wpt.length).toBeLessThan(MAX_HEADER_BYTES)
  })

  it('a message is signed and verified', async () => {
    const bare = {
      method: 'GET',
      scheme: 'https' as const,
      authority: 'api.example.org',
      target: '/orders',
      rawHeaders: [] as string[],
    }
    const { rawHeaders } = await new HttpSignatureBuilder(wit, key, crypto).signRequest(bare, { now: NOW })
    const memory = new InProcessReplayMemory()
    const messages = new HttpSignatureVerifier({
      crypto,
      wit: verifier(issuerKey, named),
      audience,
      replayMemory: memory,
    })
    const verify = async (target: string) => messages.verifyRequest({ ...bare, target, rawHeaders }, NOW)
    expect((await verify('/orders')).subject.toString()).toBe(subject.toString())
    await expectCode(verify('/orders'), 'ERR_SIGNATURE_REPLAYED')
    const elsewhere = { ...bare, rawHeaders, method: 'DELETE' }
    await expectCode(async () => messages.verifyRequest(elsewhere, NOW), 'ERR_SIGNATURE_INVALID')
  })

  it.each<[string, Setting]>([
    ['nothing was named', {}],
    [
      'others were named',
      { algorithms: [...SIGNATURE_ALGORITHMS, ...ML_DSA_ALGORITHMS.filter((each) => each !== alg)] },
    ],
    ['the profile is that of SPIFFE', { ...named, profile: 'wit-svid' }],
  ])('neither token nor confirmation key is accepted where %s', async (_, setting) => {
    await expectCode(async () => verifier(issuerKey, setting).verify(wit, NOW), 'ERR_CREDENTIAL_ALGORITHM')
    const mixed = issue(elliptic, key)
    await expectCode(async () => verifier(issuerKey, setting).verify(mixed, NOW), 'ERR_CREDENTIAL_CONFIRMATION')
  })

  it('neither is accepted by a backend that was not told to', async () => {
    const setting = { ...named, crypto: nodeCrypto }
    await expectCode(async () => verifier(issuerKey, setting).verify(wit, NOW), 'ERR_CREDENTIAL_KEY_UNKNOWN')
    const mixed = issue(elliptic, key)
    await expectCode(async () => verifier(issuerKey, setting).verify(mixed, NOW), 'ERR_CREDENTIAL_CONFIRMATION')
  })

  it('a token beside it under another algorithm is verified as before', async () => {
    const wit = issue(elliptic, generateSigningKey('ES256'))
    for (const setting of [{}, named]) {
      expect((await verifier(issuerKey, setting).verify(wit, NOW)).subject.toString()).toBe(subject.toString())
    }
  })

  it('an issuer uses it only when told to, and never for a WIT-SVID', async () => {
    const content = { subject, confirmationKey: key.publicJwk, now: NOW, ttlSeconds: 600 }
    await expectCode(() => new WitIssuer(issuerKey, 'wimse'), 'ERR_ISSUANCE_ALGORITHM')
    await expectCode(() => new WitIssuer(issuerKey, 'wit-svid', undefined, [alg]), 'ERR_ISSUANCE_ALGORITHM')
    for (const profile of ['wimse', 'wit-svid'] as const) {
      await expectCode(async () => new WitIssuer(elliptic, profile).issue(content), 'ERR_KEY_UNSUPPORTED')
    }
    const strict = new WitIssuer(elliptic, 'wit-svid', undefined, [alg])
    await expectCode(async () => strict.issue(content), 'ERR_KEY_UNSUPPORTED')
  })

  it('its keys have no place in a SPIFFE bundle', () => {
    const document = { keys: [{ ...issuerKey.publicJwk, use: 'wit-svid' }], spiffe_sequence: 1 }
    expect(parseSpiffeBundle('example.org', document).witAuthorities).toEqual([])
  })
})

describe('two keys under one identifier', () => {
  it('do not block each other by using the same name for a proof', async () => {
    const alg: MlDsaAlgorithm = 'ML-DSA-44'
    const issuerKey = generateMlDsaSigningKey(alg, { kid: 'lattice' })
    const memory = new InProcessReplayMemory()
    const setting = { algorithms: [alg] }
    for (let each = 0; each < 2; each++) {
      const key = generateMlDsaSigningKey(alg)
      const wit = issue(issuerKey, key)
      const same = { ...crypto, randomBytes: (length: number) => new Uint8Array(length) }
      const wpt = await new WptBuilder(wit, key, same).build({ audience: 'https://api.example.org/', now: NOW })
      const requests = new RequestVerifier({
        wit: verifier(issuerKey, setting),
        wpt: new WptVerifier({ crypto, audience, replayMemory: memory }),
      })
      const rawHeaders = ['Workload-Identity-Token', wit, 'Workload-Proof-Token', wpt]
      expect((await requests.verify({ target: '/', rawHeaders }, NOW)).subject.toString()).toBe(subject.toString())
    }
    expect(memory.size).toBe(2)
  })
})
