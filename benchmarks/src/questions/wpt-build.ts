/** What does the proof of one outgoing request cost beside its one signature? */
import { sign } from 'node:crypto'
import { WptBuilder } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { generateProof } from 'dpop'
import { ALGORITHMS, AUDIENCE, makeIssuer, NOW, rawKeys } from '../fixtures.ts'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toRow } from '../row.ts'

const TARGETS = { ES256: { toLimit: 0.88, toPeer: 2.7 }, EdDSA: { toLimit: 0.88, toPeer: 1.8 } } as const

export async function wptBuild(effort: Effort): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const alg of ALGORITHMS) {
    const { issue } = makeIssuer(alg)
    const workload = generateSigningKey(alg)
    const wit = issue(workload)
    const builder = new WptBuilder(wit, workload, nodeCrypto)
    const { privateKey, publicKey, digest } = rawKeys(workload)
    const webAlgorithm = alg === 'ES256' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' }
    const pair = {
      privateKey: privateKey.toCryptoKey(webAlgorithm, true, ['sign']),
      publicKey: publicKey.toCryptoKey(webAlgorithm, true, ['verify']),
    }
    const proof = (await builder.build({ audience: AUDIENCE, now: NOW })) as string
    const signingInput = Buffer.from(proof.slice(0, proof.lastIndexOf('.')))
    const measured = await interleave(
      {
        ours: { run: () => builder.build({ audience: AUDIENCE, now: NOW }) },
        limit: { run: () => sign(digest, signingInput, privateKey) },
        peer: { run: () => generateProof(pair, AUDIENCE, 'POST', undefined, wit), inFlight: 16 },
      },
      effort,
    )
    rows.push(
      toRow(`WPT build, ${alg}`, measured, { peer: 'dpop, 16 in flight', limit: 'node:crypto sign' }, TARGETS[alg]),
    )
  }
  return rows
}
