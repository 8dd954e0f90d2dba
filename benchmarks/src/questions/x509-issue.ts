/** What does issuing an X509-SVID for a public key cost beside its one signature? The CA's key is ES256. */
import { sign } from 'node:crypto'
import { issueX509Svid, parseCertificate, randomSerial } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { makeX509Issuer, NOW, rawKeys, SUBJECT } from '../fixtures.ts'
import { startGoPeer } from '../go-peer.ts'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toRow } from '../row.ts'
import { makePeculiarIssuer } from '../x509-peer.ts'

const TARGETS = { peculiar: { toLimit: 0.85, toPeer: 50 }, go: { toLimit: 0.85, toPeer: 3 } } as const

export async function x509Issue(effort: Effort): Promise<readonly Row[]> {
  const { key, issuer } = makeX509Issuer()
  const publicKeySpki = nodeCrypto.exportSpki(generateSigningKey('ES256').publicJwk)
  const times = { notBefore: NOW, notAfter: NOW + 3600 }
  const issue = () =>
    issueX509Svid({ issuer, publicKeySpki, subject: SUBJECT, ...times, serial: randomSerial(nodeCrypto) }) as Uint8Array
  const { tbs } = parseCertificate(issue())
  const { privateKey } = rawKeys(key)
  const peculiar = await makePeculiarIssuer()
  const go = startGoPeer('issue-svid.go')
  try {
    const variants = {
      ours: { run: issue },
      limit: { run: () => sign('sha256', tbs, privateKey) },
      peculiar: { run: peculiar.fromPublicKey, inFlight: 16 },
    }
    const measured =
      go === undefined
        ? { ...(await interleave(variants, effort)), go: undefined }
        : await interleave({ ...variants, go: { measure: go.measure } }, effort)
    const { ours, limit } = measured
    const limitName = 'node:crypto sign'
    return [
      toRow(
        'SVID from public key, ES256',
        { ours, peer: measured.peculiar, limit },
        { peer: '@peculiar/x509, 16 in flight', limit: limitName },
        TARGETS.peculiar,
      ),
      toRow(
        'SVID from public key, ES256',
        measured.go === undefined ? { ours, limit } : { ours, peer: measured.go, limit },
        { peer: go === undefined ? 'Go: not installed here' : 'Go x509.CreateCertificate', limit: limitName },
        TARGETS.go,
      ),
    ]
  } finally {
    go?.close()
  }
}
