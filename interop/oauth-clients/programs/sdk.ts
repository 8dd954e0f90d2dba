/** Our token sources at a service of oauth4webapi. `node sdk.ts SCENARIO_FILE` */
import { readFile } from 'node:fs/promises'
import { connect, type ExchangeRequest } from '@countersign/sdk'
import { startForeignResource } from '../foreign-resource.ts'
import { ORDERS, type Scenario } from '../scenario.ts'

const { issuer } = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Scenario
const resource = await startForeignResource(issuer)
await using workload = await connect()
const options = { issuer, audience: ORDERS, scope: 'orders.read', origins: resource.url }
let failed = false

function report(check: string, ok: boolean, detail: unknown): void {
  if (!ok) failed = true
  console.log(
    JSON.stringify({ check: `sdk at a service of oauth4webapi: ${check}`, ok, detail: JSON.stringify(detail) }),
  )
}

const shown: readonly (readonly [string, Partial<ExchangeRequest>])[] = [
  ['by WIT, token bound to its key', {}],
  ['by WIT, token bound to a key of the process', { binding: 'dpop' }],
  ['by JWT-SVID, token bound by default', { authentication: 'jwt-svid' }],
]
for (const [name, change] of shown) {
  const source = workload.tokenSource({ ...options, ...change })
  for (const method of ['GET', 'POST']) {
    const answer = (await (await source.fetch(`${resource.url}/orders?page=1`, { method })).json()) as object
    const expected = { sub: workload.id.toString(), isBound: true }
    report(`${name}, ${method}`, JSON.stringify(answer) === JSON.stringify(expected), answer)
  }
}

const bearer = workload.tokenSource({ ...options, authentication: 'jwt-svid', binding: 'none' })
const unbound = (await (await bearer.fetch(`${resource.url}/orders`)).json()) as { isBound?: boolean }
report('by JWT-SVID, bearer token', unbound.isBound === false, unbound)

const { token } = await workload.tokenSource({ ...options, binding: 'dpop' }).token()
const without = await fetch(`${resource.url}/orders`, { headers: { authorization: `Bearer ${token}` } })
report('refused: bound token without its proof', without.status === 401, await without.json())

const authorized = await workload.tokenSource({ ...options, binding: 'dpop' }).authorize(`${resource.url}/orders`)
const elsewhere = await fetch(`${resource.url}/other`, { headers: authorized.headers })
report('refused: proof for another path', elsewhere.status === 401, await elsewhere.json())

await resource.close()
process.exitCode = failed ? 1 : 0
