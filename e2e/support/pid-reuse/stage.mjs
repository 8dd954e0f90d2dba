// Runs as root in a pid namespace of its own, where it says which pid comes next. A program connects to the agent, hands
// the connection to an accomplice and ends; the program that has an identity is given its pid; then the accomplice asks.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [command, config, folder] = process.argv.slice(2)
const script = (name) => fileURLToPath(new URL(name, import.meta.url))
const socket = join(folder, 'agent', 'workload.sock')
const ATTEMPTS = 50

function start(args) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const until = async (pattern) => {
    while (!pattern.test(output)) {
      if (child.exitCode !== null) throw new Error(`ended: ${output}`)
      await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), once(child, 'exit')])
    }
    return pattern.exec(output)
  }
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return { pid: child.pid, until, kill }
}

function connections() {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: join(folder, 'agent', 'operator.sock'), path: '/v1/status' }, (response) => {
      let text = ''
      response.on('data', (chunk) => (text += chunk))
      response.on('end', () => resolve(JSON.parse(text).connections))
    })
    asking.on('error', reject)
    asking.end()
  })
}

async function attempt(number) {
  const go = join(folder, `go-${number}`)
  const before = await connections()
  const connector = start([script('connector.mjs'), socket, go])
  await connector.until(/connected/)
  // Accepted: the agent has been told by the kernel who it is.
  while ((await connections()) <= before) await new Promise((resolve) => setImmediate(resolve))
  await connector.kill()
  writeFileSync('/proc/sys/kernel/ns_last_pid', String(connector.pid - 1))
  const victim = start([script('victim.mjs'), socket, 'wait'])
  try {
    if (victim.pid !== connector.pid) return undefined
    await victim.until(/waiting/)
    writeFileSync(go, '')
    const [, answer] = await connector.until(/answer: (.*)\n/)
    return { pid: victim.pid, answer }
  } finally {
    await victim.kill()
  }
}

const agent = start([command, 'agent', 'run', '--config', config])
await agent.until(/agent is ready/)
const honest = start([script('victim.mjs'), socket, 'ask'])
const [, control] = await honest.until(/answer: (.*)\n/)
let result
for (let number = 0; number < ATTEMPTS && result === undefined; number++) result = await attempt(number)
process.stdout.write(`${JSON.stringify({ control, ...result })}\n`)
process.exit(0)
