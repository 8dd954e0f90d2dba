/**
 * A service of ours for foreign clients: mutual TLS with the sdk, in both directions.
 *
 *     node peer.ts <identity that may call> <identity that may not>
 *
 * Prints `{"open": port, "closed": port}`. Behind `open`, `GET /` tells the caller who it is, and `GET /call?port=N&peer=ID`
 * calls a server of the foreign client, which must have that identity, and tells what came of it. Behind `closed`, only the
 * other identity is let in.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { allowWorkload, connect, currentCaller, verifyCaller } from '@countersign/sdk'

const AUDIENCE = 'https://peer.example'
const [client = '', other = ''] = process.argv.slice(2)
const workload = await connect()
const mutualTls = await workload.mutualTls()

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', AUDIENCE)
  response.end(
    pathname === '/call'
      ? await call(searchParams.get('port') ?? '', searchParams.get('peer') ?? '')
      : String(currentCaller()?.id),
  )
}

/** @returns what the other side sent, or the code of the error that kept us from asking it */
function call(port: string, peer: string): Promise<string> {
  return workload.fetch(`https://127.0.0.1:${port}/`, { proof: 'mtls', peer }).then(
    (response) => response.text(),
    (error: { code?: unknown }) => String(error.code),
  )
}

function serve(allowed: string): Promise<number> {
  const guard = verifyCaller({ workload, audience: AUDIENCE, policy: allowWorkload(allowed), accept: ['mtls'] })
  const server = mutualTls.createHttpsServer({}, (request, response) =>
    guard(request, response, () => answer(request, response)),
  )
  return listen(server)
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

console.log(JSON.stringify({ open: await serve(client), closed: await serve(other) }))
