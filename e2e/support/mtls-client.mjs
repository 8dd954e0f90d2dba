// A program that takes its certificate from the agent once and keeps it whatever becomes of its node, as a thief would. Calls
// another by mutual TLS, twenty times a second, over one connection that it keeps and over a new one each time. Prints
// each answer that differs from the one before.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { Agent, request } from 'node:https'
import { connectWorkloadApi, watch } from '@countersign/workload-api'

const client = connectWorkloadApi({})
let svid
for await (const { svids } of watch((signal) => client.fetchX509Svid(signal))) {
  svid = svids[0]
  break
}
client.close()

// Whom it speaks with, a thief knows already.
const tls = {
  key: createPrivateKey({ key: Buffer.from(svid.x509SvidKey), format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
  }),
  cert: new X509Certificate(svid.x509Svid).toString(),
  rejectUnauthorized: false,
}
const kept = new Agent({ ...tls, keepAlive: true, maxSockets: 1 })

function call(agent) {
  return new Promise((resolve) => {
    const outgoing = request({ host: '127.0.0.1', port: process.env.PORT, agent }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(response.statusCode === 200 ? text : `refused: ${JSON.parse(text).code}`)
    })
    outgoing.on('error', () => resolve('refused: connection closed'))
    outgoing.end()
  })
}

const before = {}
async function report(how, agent) {
  const answer = await call(agent)
  if (before[how] === answer) return
  before[how] = answer
  process.stdout.write(`${JSON.stringify({ how, answer })}\n`)
}

for (;;) {
  await report('kept', kept)
  const fresh = new Agent(tls)
  await report('new', fresh)
  fresh.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
}
