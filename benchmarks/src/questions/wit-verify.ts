/** What does verifying a WIT cost beside the one signature check it cannot avoid? Issuer key cached, no token memory. */
import { sign, verify } from 'node:crypto'
import { WitVerifier } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { createVerifier } from 'fast-jwt'
import { jwtVerify } from 'jose'
import { ALGORITHMS, makeIssuer, NOW, rawKeys } from '../fixtures.ts'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toRow } from '../row.ts'

const TARGETS = {
  ES256: { 'fast-jwt': { toLimit: 0.9, toPeer: 1.05 }, jose: { toLimit: 0.9, toPeer: 1.4 } },
  EdDSA: { 'fast-jwt': { toLimit: 0.9, toPeer: 0.97 }, jose: { toLimit: 0.9, toPeer: 1.1 } },
} as const

export async function witVerify(effort: Effort): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const alg of ALGORITHMS) {
    const { key, trust, issue } = makeIssuer(alg)
    const token = issue(generateSigningKey(alg))
    const { privateKey, publicKey, digest } = rawKeys(key)
    const dot = token.lastIndexOf('.')
    const signingInput = Buffer.from(token.slice(0, dot))
    const signature = sign(digest, signingInput, privateKey)
    const verifier = new WitVerifier({ trust, crypto: nodeCrypto, cacheCapacity: 0 })
    const fastJwt = createVerifier({
      key: publicKey.export({ type: 'spki', format: 'pem' }) as string,
      algorithms: [alg],
      cache: false,
    })
    const measured = await interleave(
      {
        ours: { run: () => verifier.verify(token, NOW) },
        limit: { run: () => verify(digest, signingInput, publicKey, signature) },
        fastJwt: { run: () => fastJwt(token) },
        jose: { run: () => jwtVerify(token, publicKey, { algorithms: [alg], typ: 'wit+jwt' }), inFlight: 32 },
      },
      effort,
    )
    const limit = 'node:crypto verify'
    const { ours } = measured
    rows.push(
      toRow(
        `WIT verify, ${alg}`,
        { ours, peer: measured.fastJwt, limit: measured.limit },
        { peer: 'fast-jwt', limit },
        TARGETS[alg]['fast-jwt'],
      ),
      toRow(
        `WIT verify, ${alg}`,
        { ours, peer: measured.jose, limit: measured.limit },
        { peer: 'jose, 32 in flight', limit },
        TARGETS[alg].jose,
      ),
    )
  }
  return rows
}
