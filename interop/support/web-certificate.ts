import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Processes } from './processes.ts'

/** What a bundle endpoint of profile `https_web` shows. Files in PEM, and the text of the first. */
export interface WebCertificate {
  readonly certificate: string
  readonly key: string
  readonly pem: string
}

const TIMEOUT_MS = 10_000

/** A certificate for 127.0.0.1, and names if need be, that is its own root. @throws Error with what openssl said */
export async function makeWebCertificate(
  processes: Processes,
  folder: string,
  names: readonly string[] = [],
): Promise<WebCertificate> {
  const [certificate, key] = [join(folder, 'web.pem'), join(folder, 'web.key')] as const
  const { exitCode, stderr } = await processes.run(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-subj', '/CN=web', '-keyout', key, '-out', certificate],
      ...['-addext', ['subjectAltName=IP:127.0.0.1', ...names.map((name) => `DNS:${name}`)].join(',')],
    ],
    { timeoutMs: TIMEOUT_MS },
  )
  if (exitCode !== 0) throw new Error(`openssl req failed: ${stderr}`)
  return { certificate, key, pem: await readFile(certificate, 'utf8') }
}
