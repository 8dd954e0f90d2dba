import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { allowWorkload, currentCaller, verifyCaller } from '@countersign/sdk'
import type { PeerParts } from './peer-parts.ts'

const MAX_TOKEN_BYTES = 16 * 1024

/** Answers until it is stopped. The first line names the port. */
export async function serve({ workload, client, mutualTls, peer }: PeerParts): Promise<void> {
  const self = mutualTls.certificate.id.toString()
  const guard = verifyCaller({ workload, audience: self, policy: allowWorkload(peer.toString()), accept: ['mtls'] })

  // The own agent is asked about the token in the body: it, and not this program, must know the other domain.
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      const { spiffeId } = await client.validateJwtSvid({ audience: self, svid: await readText(request) })
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ tls: currentCaller()?.id.toString(), jwt: spiffeId }))
    } catch (error) {
      response.writeHead(401).end((error as Error).message)
    }
  }
  const server = mutualTls.createHttpsServer(
    { expected: peer, onRejectedPeer: (error) => console.error(String(error)) },
    (request, response) => guard(request, response, () => void answer(request, response)),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }))
  await once(server, 'close')
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_TOKEN_BYTES) throw new Error('token is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
