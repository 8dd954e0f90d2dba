// A program that speaks mutual TLS: says where, answers each request with who sent it, prints whom it refused.
import { connect, verifyCaller } from '@countersign/sdk'

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)
const workload = await connect()
const tls = await workload.mutualTls()
const verify = verifyCaller({
  workload,
  audience: 'https://127.0.0.1',
  accept: ['mtls'],
  policy: () => true,
  onDecision: ({ code }) => code !== undefined && say({ refused: code }),
})
const onRejectedPeer = (error) => say({ refused: error.code })
const server = tls.createHttpsServer({ onRejectedPeer }, (request, response) =>
  verify(request, response, () => response.end(String(request.caller.id))),
)
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }))
