// A program that proves itself both ways: by mutual TLS, and by its identity token with a proof for each request.
//   serve                        answers who is asking; prints where
//   ask <id> <http> <https>      asks again and again, prints each answer that differs from the one before
import { X509Certificate } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { WorkloadId } from '@countersign/protocol'
import { connect, verifyCaller } from '@countersign/sdk'

const AUDIENCE = 'https://service.example'
const [mode, peer, httpPort, httpsPort] = process.argv.slice(2)
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)
const workload = await connect()
const tls = await workload.mutualTls()

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
}

function answerTo(accept) {
  const verify = verifyCaller({ workload, audience: AUDIENCE, accept, policy: () => true })
  return (request, response) => verify(request, response, () => response.end(String(request.caller.id)))
}

async function serve() {
  const http = await listen(createServer(answerTo(['wpt'])))
  const https = await listen(tls.createHttpsServer({}, answerTo(['mtls'])))
  say({ http, https })
}

async function ask() {
  const before = {}
  const report = async (how, attempt) => {
    const answer = await attempt().catch((error) => `refused: ${error.code ?? error.message}`)
    if (before[how] !== answer) say({ how, answer })
    before[how] = answer
  }
  const read = async (response) => (response.ok ? response.text() : `refused: ${response.status}`)
  for (;;) {
    await report('wpt', async () =>
      read(await workload.fetch(`http://127.0.0.1:${httpPort}/`, { audience: `${AUDIENCE}/` })),
    )
    // A connection of its own each time: what both ends show now counts.
    await report('mtls', async () => {
      const socket = await tls.connect({ host: '127.0.0.1', port: Number(httpsPort), peer: WorkloadId.parse(peer) })
      const { issuerCertificate, fingerprint256 } = socket.getPeerX509Certificate()
      socket.destroy()
      const above = issuerCertificate instanceof X509Certificate ? issuerCertificate.fingerprint256 : 'root'
      say({ leaf: fingerprint256, above })
      return read(await workload.fetch(`https://127.0.0.1:${httpsPort}/`, { proof: 'mtls', peer }))
    })
    await pause(200)
  }
}

await (mode === 'serve' ? serve() : ask())
