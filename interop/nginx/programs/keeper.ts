/** Keeps nginx's certificate and roots current: writes them as PEM files, and tells nginx to load them again. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodePem } from '@countersign/protocol'
import { connectWorkloadApi, watch } from '@countersign/workload-api'

const folder = process.argv[2] as string
const pidFile = join(folder, 'nginx.pid')
const client = connectWorkloadApi()

for await (const { svids } of watch((signal) => client.fetchX509Svid(signal))) {
  const [svid] = svids
  if (svid === undefined) continue
  const key = Buffer.from(svid.x509SvidKey).toString('base64').replace(/.{64}/g, '$&\n')
  write('svid.pem', encodePem(split(svid.x509Svid)))
  write('key.pem', `-----BEGIN PRIVATE KEY-----\n${key.trimEnd()}\n-----END PRIVATE KEY-----\n`)
  write('roots.pem', encodePem(split(svid.bundle)))
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0
  if (pid > 0) process.kill(pid, 'SIGHUP')
  console.log('written')
}

/** All at once, so that nobody reads half a file. */
function write(name: string, text: string): void {
  writeFileSync(join(folder, `${name}.new`), text, { mode: 0o600 })
  renameSync(join(folder, `${name}.new`), join(folder, name))
}

/** Certificates that follow one another, DER. All of them are longer than 255 bytes and shorter than 64 KiB. */
function split(der: Uint8Array): Uint8Array[] {
  const certificates: Uint8Array[] = []
  for (let start = 0; start < der.length; ) {
    const length = 4 + (((der[start + 2] as number) << 8) | (der[start + 3] as number))
    certificates.push(der.subarray(start, start + length))
    start += length
  }
  return certificates
}
