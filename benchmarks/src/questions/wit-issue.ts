/** What does issuing a WIT cost beside its one signature? */
import { sign } from 'node:crypto'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { createSigner } from 'fast-jwt'
import { SignJWT } from 'jose'
import { ALGORITHMS, makeIssuer, NOW, rawKeys, SUBJECT } from '../fixtures.ts'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toRow } from '../row.ts'

const TARGETS = {
  ES256: { 'fast-jwt': { toLimit: 0.87, toPeer: 1.15 }, jose: { toLimit: 0.87, toPeer: 2.2 } },
  EdDSA: { 'fast-jwt': { toLimit: 0.88, toPeer: 1.15 }, jose: { toLimit: 0.88, toPeer: 1.8 } },
} as const

export async function witIssue(effort: Effort): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const alg of ALGORITHMS) {
    const { key, issue } = makeIssuer(alg)
    const workload = generateSigningKey(alg)
    const { privateKey, digest } = rawKeys(key)
    const token = issue(workload)
    const signingInput = Buffer.from(token.slice(0, token.lastIndexOf('.')))
    const claims = {
      iss: 'https://trust.example.org',
      sub: SUBJECT.toString(),
      iat: NOW,
      exp: NOW + 36_000,
      jti: '6a3d2a57-6f0e-4a5e-9c3c-0d5f2f4f8a11',
      cnf: { jwk: workload.publicJwk },
    }
    const fastJwt = createSigner({
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      algorithm: alg,
      kid: 'k1',
      header: { alg, typ: 'wit+jwt' },
      noTimestamp: true,
    })
    const measured = await interleave(
      {
        ours: { run: () => issue(workload) },
        limit: { run: () => sign(digest, signingInput, privateKey) },
        fastJwt: { run: () => fastJwt(claims) },
        jose: {
          run: () => new SignJWT(claims).setProtectedHeader({ alg, typ: 'wit+jwt', kid: 'k1' }).sign(privateKey),
          inFlight: 32,
        },
      },
      effort,
    )
    const limit = 'node:crypto sign'
    const { ours } = measured
    rows.push(
      toRow(
        `WIT issue, ${alg}`,
        { ours, peer: measured.fastJwt, limit: measured.limit },
        { peer: 'fast-jwt', limit },
        TARGETS[alg]['fast-jwt'],
      ),
      toRow(
        `WIT issue, ${alg}`,
        { ours, peer: measured.jose, limit: measured.limit },
        { peer: 'jose, 32 in flight', limit },
        TARGETS[alg].jose,
      ),
    )
  }
  return rows
}
