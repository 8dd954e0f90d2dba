/** A service behind nginx: plain HTTP on one port, mutual TLS on another. Says who called, and what it got. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { allowTrustDomain, connect, currentCaller, verifyCaller } from '@countersign/sdk'

const [audience = '', trustDomain = ''] = process.argv.slice(2)
const workload = await connect()
const mutualTls = await workload.mutualTls()
const guard = verifyCaller({
  workload,
  audience: audience.split(','),
  policy: allowTrustDomain(trustDomain),
  accept: ['wpt', 'http-signature', 'mtls'],
})

const handle = (request: IncomingMessage, response: ServerResponse) =>
  guard(request, response, async () => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const caller = currentCaller()
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        id: caller?.id.toString(),
        binding: caller?.binding,
        tlsPeer: caller?.tlsPeer?.toString(),
        host: request.headers.host,
        body: Buffer.concat(chunks).toString(),
        lamp: 'lamp',
      }),
    )
  })

const plain = createServer({ keepAliveTimeout: 120_000 }, handle)
const secure = mutualTls.createHttpsServer({ keepAliveTimeout: 120_000 }, handle)
console.log(JSON.stringify({ plain: await listen(plain), secure: await listen(secure) }))

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
