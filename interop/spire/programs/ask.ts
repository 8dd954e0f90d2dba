import { request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { decodeUnverifiedJws, parseCertificate } from '@countersign/protocol'
import type { PeerParts } from './peer-parts.ts'

const TIMEOUT_MS = 10_000

/** Makes a connection of its own for each question, so that each is a handshake with what both sides hold just then. */
export async function ask(parts: PeerParts, to: string, count: number, everyMs: number): Promise<void> {
  for (let n = 1; ; n++) {
    const answer = await askOnce(parts, to).catch((error: unknown) => ({ ok: false, error: reasonOf(error) }))
    console.log(JSON.stringify(answer))
    if (n === count) return
    await pause(everyMs)
  }
}

async function askOnce({ client, mutualTls, peer }: PeerParts, to: string): Promise<object> {
  const { svids } = await client.fetchJwtSvid({ audience: [peer.toString()] })
  const token = svids[0]?.svid ?? ''
  const { hostname, port } = new URL(`https://${to}`)
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const socket = await mutualTls.connect({ host: hostname, port: Number(port), peer, signal })
  try {
    const { authorityKeyId } = parseCertificate(socket.getPeerX509Certificate()?.raw ?? new Uint8Array())
    const { status, body } = await post(socket, token, signal)
    if (status !== 200) throw new Error(`service answered ${status}: ${body}`)
    const authority = Buffer.from(authorityKeyId ?? []).toString('hex')
    return { ok: true, ...JSON.parse(body), authority, key: decodeUnverifiedJws(token).header['kid'] }
  } finally {
    socket.destroy()
  }
}

function post(socket: TLSSocket, token: string, signal: AbortSignal): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'close', 'content-type': 'text/plain' }
    const call = request({ method: 'POST', createConnection: () => socket, headers, signal }, (response) => {
      const chunks: Buffer[] = []
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    call.on('error', reject)
    call.end(token)
  })
}

function reasonOf(error: unknown): string {
  const { code, message } = error as Error & { code?: string }
  return code === undefined ? message : `${code} ${message}`
}
