import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { bundlesOf, svidOf, witDomain } from './test-support/deliveries.ts'
import { WorkloadApiServer } from './test-support/workload-api-server.ts'

const SDK = pathToFileURL(join(import.meta.dirname, 'index.ts'))

const PROGRAM = `
  import { connect } from '${SDK}'
  const workload = await connect()
  console.log(workload.id.toString())
  workload.close()
`

it('a program that has closed its workload ends by itself', { timeout: 20_000 }, async () => {
  const agent = await WorkloadApiServer.start()
  const domain = witDomain()
  agent.giveIdentities(svidOf(domain.workload('/hello'), Math.floor(Date.now() / 1000)))
  agent.giveBundles(bundlesOf(domain))
  const program = spawn(
    process.execPath,
    ['--conditions=countersign-source', '--input-type=module', '--eval', PROGRAM],
    { env: { ...process.env, SPIFFE_ENDPOINT_SOCKET: agent.address }, timeout: 15_000 },
  )
  let output = ''
  for (const stream of [program.stdout, program.stderr]) stream.on('data', (text) => (output += text))
  const [status] = await once(program, 'close')
  expect({ output, status }).toEqual({ output: 'spiffe://shop.example/hello\n', status: 0 })
  await agent.stop()
})
