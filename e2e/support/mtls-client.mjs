// A program that calls another by mutual TLS, twenty times a second: over one connection that it keeps, and over a new one
// each time. Prints each answer that differs from the one before.
import { request } from 'node:https'
import { connect } from '@countersign/sdk'

const { PORT, PEER } = process.env
const workload = await connect()
const tls = await workload.mutualTls()
const kept = tls.httpsAgent(PEER)

function call(agent) {
  return new Promise((resolve) => {
    const outgoing = request({ host: '127.0.0.1', port: PORT, agent }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(response.statusCode === 200 ? text : (JSON.parse(text).code ?? text))
    })
    outgoing.on('error', (error) => resolve(error.code ?? error.message))
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
  const fresh = tls.httpsAgent(PEER)
  await report('new', fresh)
  fresh.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
}
