/**
 * What does checking one incoming request (WIT and WPT, all checks on) cost beside the signature checks it cannot avoid?
 * Three cases: the caller's WIT was seen before; its key was; neither was. The peer is what jose's users do today: an
 * access token with a DPoP proof.
 */
import { hash, sign, verify } from 'node:crypto'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { generateProof } from 'dpop'
import { calculateJwkThumbprint, EmbeddedJWK, importJWK, jwtVerify } from 'jose'
import { ALGORITHMS, AUDIENCE, makeChecker, makeIssuer, makeRequests, rawKeys } from '../fixtures.ts'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toRow } from '../row.ts'

const REQUESTS = 4096
/** More callers than the verifier keeps keys of, so that every key is new to it. */
const STRANGERS = 5000

const TARGETS = {
  ES256: {
    cached: { toLimit: 0.85, toPeer: 5 },
    keyCached: { toLimit: 0.85, toPeer: 2.5 },
    cold: { toLimit: 0.52, toPeer: 1.6 },
  },
  EdDSA: { cached: { toLimit: 0.9, toPeer: 3 }, keyCached: { toLimit: 0.92, toPeer: 1.6 }, cold: {} },
} as const

export async function requestCheck(effort: Effort): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const alg of ALGORITHMS) {
    const { key, trust, issue } = makeIssuer(alg)
    const workload = generateSigningKey(alg)
    const known = [{ wit: issue(workload), key: workload }]
    const strangers = Array.from({ length: STRANGERS }, () => {
      const stranger = generateSigningKey(alg)
      return { wit: issue(stranger), key: stranger }
    })
    const requests = makeRequests(REQUESTS, known)
    const strangeRequests = makeRequests(STRANGERS, strangers)

    const { privateKey, publicKey, digest } = rawKeys(key)
    const { wit, wpt } = requests[0] as { wit: string; wpt: string }
    const dot = wit.lastIndexOf('.')
    const signingInput = Buffer.from(wit.slice(0, dot))
    const signature = sign(digest, signingInput, privateKey)
    const rawVerify = () => verify(digest, signingInput, publicKey, signature)

    const raw = rawKeys(workload)
    const webAlgorithm = alg === 'ES256' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' }
    const pair = {
      privateKey: raw.privateKey.toCryptoKey(webAlgorithm, true, ['sign']),
      publicKey: raw.publicKey.toCryptoKey(webAlgorithm, true, ['verify']),
    }
    const dpopProof = await generateProof(pair, AUDIENCE, 'POST', undefined, wit)
    const joseDpop = async () => {
      await jwtVerify(wit, publicKey, { algorithms: [alg] })
      const { payload, protectedHeader } = await jwtVerify(dpopProof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: [alg === 'EdDSA' ? 'Ed25519' : alg, alg],
      })
      await calculateJwkThumbprint(protectedHeader.jwk as { kty: string })
      if (payload['ath'] !== hash('sha256', wit, 'base64url')) throw new Error('ath')
    }
    const joseWimse = async () => {
      const { payload } = await jwtVerify(wit, publicKey, { algorithms: [alg], typ: 'wit+jwt' })
      const { jwk } = payload['cnf'] as { jwk: { kty: string } }
      const proof = await jwtVerify(wpt, await importJWK(jwk, alg), {
        algorithms: [alg],
        typ: 'wpt+jwt',
        audience: AUDIENCE,
      })
      if (proof.payload['wth'] !== hash('sha256', wit, 'base64url')) throw new Error('wth')
    }

    const measured = await interleave(
      {
        cached: { run: makeChecker(trust, requests, { witCache: true }) },
        keyCached: { run: makeChecker(trust, requests, { witCache: false }) },
        cold: { run: makeChecker(trust, strangeRequests, { witCache: false }) },
        oneVerify: { run: rawVerify },
        twoVerifies: {
          run: () => {
            rawVerify()
            rawVerify()
          },
        },
        joseDpop: { run: joseDpop, inFlight: 16 },
        joseWimse: { run: joseWimse, inFlight: 16 },
      },
      effort,
    )
    const one = 'one node:crypto verify'
    const two = 'two node:crypto verifies'
    const { cached, keyCached, cold, oneVerify, twoVerifies } = measured
    const target = TARGETS[alg]
    rows.push(
      toRow(
        `request check, WIT cached, ${alg}`,
        { ours: cached, peer: measured.joseDpop, limit: oneVerify },
        { peer: 'jose token + DPoP', limit: one },
        target.cached,
      ),
      toRow(
        `request check, key cached, ${alg}`,
        { ours: keyCached, peer: measured.joseWimse, limit: twoVerifies },
        { peer: 'jose WIT + WPT', limit: two },
        target.keyCached,
      ),
      toRow(
        `request check, cold, ${alg}`,
        { ours: cold, peer: measured.joseWimse, limit: twoVerifies },
        { peer: 'jose WIT + WPT', limit: two },
        target.cold,
      ),
    )
  }
  return rows
}
