/**
 * What does issuing an X509-SVID from a signing request cost beside its signature and the check of the request's? The
 * request's key is new each time in life, so it is imported each time here. The CA's key is ES256.
 */
import { sign, verify } from 'node:crypto'
import {
  issueX509Svid,
  parseCertificateRequest,
  randomSerial,
  type VerifiedCertificateRequest,
  verifyCertificateRequest,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { makeX509Issuer, NOW, rawKeys, SUBJECT } from '../fixtures.ts'
import { startGoPeer } from '../go-peer.ts'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toRow } from '../row.ts'
import { makePeculiarIssuer } from '../x509-peer.ts'

const TARGETS = { peculiar: { toLimit: 0.5, toPeer: 15 }, go: { toLimit: 0.5, toPeer: 1.1 } } as const

export async function x509Csr(effort: Effort): Promise<readonly Row[]> {
  const { key, issuer } = makeX509Issuer()
  const peculiar = await makePeculiarIssuer()
  const times = { notBefore: NOW, notAfter: NOW + 3600 }
  const issue = () => {
    const { publicKeySpki } = verifyCertificateRequest(peculiar.request, nodeCrypto) as VerifiedCertificateRequest
    return issueX509Svid({ issuer, publicKeySpki, subject: SUBJECT, ...times, serial: randomSerial(nodeCrypto) })
  }
  const { info } = parseCertificateRequest(peculiar.request)
  const { privateKey, publicKey } = rawKeys(key)
  const signature = sign('sha256', info, privateKey)
  const go = startGoPeer('issue-svid.go', 'request')
  try {
    const variants = {
      ours: { run: issue },
      limit: {
        run: () => {
          verify('sha256', info, publicKey, signature)
          sign('sha256', info, privateKey)
        },
      },
      peculiar: { run: peculiar.fromRequest, inFlight: 16 },
    }
    const measured =
      go === undefined
        ? { ...(await interleave(variants, effort)), go: undefined }
        : await interleave({ ...variants, go: { measure: go.measure } }, effort)
    const { ours, limit } = measured
    const limitName = 'node:crypto verify + sign'
    return [
      toRow(
        'SVID from CSR, ES256',
        { ours, peer: measured.peculiar, limit },
        { peer: '@peculiar/x509, 16 in flight', limit: limitName },
        TARGETS.peculiar,
      ),
      toRow(
        'SVID from CSR, ES256',
        measured.go === undefined ? { ours, limit } : { ours, peer: measured.go, limit },
        {
          peer: go === undefined ? 'Go: not installed here' : 'Go CheckSignature + CreateCertificate',
          limit: limitName,
        },
        TARGETS.go,
      ),
    ]
  } finally {
    go?.close()
  }
}
