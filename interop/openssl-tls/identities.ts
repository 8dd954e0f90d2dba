import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodePem } from '@countersign/protocol'
import { connectWorkloadApi } from '@countersign/workload-api'
import type { Processes } from '../support/processes.ts'

/** Files as openssl and curl take them. */
export interface CredentialFiles {
  readonly certificate: string
  readonly key: string
}

const TIMEOUT_MS = 10_000

/** An identity that the agent gives this very process, and the roots of its trust domain. */
export async function writeIdentity(
  endpointSocket: string,
  spiffeId: string,
  folder: string,
): Promise<CredentialFiles & { readonly roots: string }> {
  const client = connectWorkloadApi({ address: endpointSocket })
  try {
    for await (const { svids } of client.fetchX509Svid(AbortSignal.timeout(TIMEOUT_MS))) {
      const svid = svids.find((each) => each.spiffeId === spiffeId)
      if (svid === undefined) continue
      const files = { ...namesIn(folder, 'given'), roots: join(folder, 'roots.pem') }
      // An agent of these suites has leaf and root only, so each field holds one certificate.
      await writeFile(files.certificate, encodePem([svid.x509Svid]))
      await writeFile(files.roots, encodePem([svid.bundle]))
      await writeFile(files.key, pem('PRIVATE KEY', svid.x509SvidKey), { mode: 0o600 })
      return files
    }
    throw new Error('the agent ended the stream')
  } finally {
    client.close()
  }
}

/** A certificate that says the same of itself, and that nobody trusted has signed. */
export async function forgeIdentity(processes: Processes, spiffeId: string, folder: string): Promise<CredentialFiles> {
  const files = namesIn(folder, 'forged')
  const { exitCode, stderr } = await processes.run(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-subj', '/CN=forged', '-keyout', files.key, '-out', files.certificate],
      ...['-addext', `subjectAltName=URI:${spiffeId},DNS:localhost`, '-addext', 'keyUsage=critical,digitalSignature'],
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ],
    { timeoutMs: TIMEOUT_MS },
  )
  if (exitCode !== 0) throw new Error(`openssl req failed: ${stderr}`)
  return files
}

function namesIn(folder: string, name: string): CredentialFiles {
  return { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}
