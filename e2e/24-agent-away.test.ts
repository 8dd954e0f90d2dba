/** An agent is away while a hundred thousand changes happen. It comes back to one answer, and has exactly what the server has. */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { Entry, EntryBatchResult } from '@countersign/api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const CHANGES = 100_000
const BATCH = 500
const OTHERS = 2_000
/** Programs of this user have these; how often each changes is as random as the others'. */
const OWN = 20
const PATIENCE_MS = 120_000

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

function batch(body: object): Promise<EntryBatchResult> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const path = '/v1/entries/batch'
    const outgoing = request({ socketPath: domain.adminSocket, method: 'POST', path, headers }, async (response) => {
      let text = ''
      for await (const chunk of response) text += String(chunk)
      if (response.statusCode === 200) resolve(JSON.parse(text))
      else reject(new Error(text))
    })
    outgoing.on('error', reject)
    outgoing.end(JSON.stringify(body))
  })
}

const residentMib = (pid: number) =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

it('an agent comes back after many changes and has what the server has', { timeout: 900_000 }, async () => {
  const server = await domain.startServer()
  const parentId = await domain.invite()
  const agent = await domain.startAgent()
  const fields = (index: number, version: number) => ({
    ...{ spiffeId: `spiffe://example.org/service-${index}/v${version}`, parentId },
    selectors: [{ type: 'unix', value: `uid:${index < OWN ? process.getuid?.() : 1_000_000 + index}` }],
  })
  const total = OWN + OTHERS
  let revision = 0
  const entries: Entry[] = []
  ;({ revision } = (await domain.admin('entry', 'list')) as { revision: number })
  for (let start = 0; start < total; start += BATCH) {
    const create = Array.from({ length: Math.min(BATCH, total - start) }, (_, index) => fields(start + index, 0))
    const result = await batch({ revision, create })
    revision = result.revision
    entries.push(...result.created)
  }
  const fetched = async () => {
    const result = await countersign(['x509', 'fetch', '--socket', domain.endpoint, '--output', 'json'])
    return result.exitCode === 0 ? result.stdout : ''
  }
  const begin = Date.now()
  while (!(await fetched()).includes('/service-0/v0')) expect(Date.now() - begin).toBeLessThan(PATIENCE_MS)
  await agent.kill()

  const before = residentMib(server.pid)
  let turn = 0
  for (let done = 0; done < CHANGES; done += BATCH) {
    turn += 1
    // A window that moves on, so that each batch changes others, and some entries never change.
    const replace = Array.from({ length: BATCH }, (_, index) => {
      const which = (turn * 37 + index * 3) % (total - 10)
      return { id: entries[which]?.id ?? '', which }
    })
    const distinct = [...new Map(replace.map((each) => [each.id, each])).values()]
    const result = await batch({
      revision,
      replace: distinct.map(({ id, which }) => ({ id, entry: fields(which, turn) })),
    })
    revision = result.revision
    expect(result.replaced).toHaveLength(distinct.length)
  }
  const gone = entries.slice(0, 5).map(({ id }) => id)
  await batch({ revision, delete: gone, create: [fields(3, 9999)] })
  expect(residentMib(server.pid) - before).toBeLessThan(300)

  const again = await domain.startAgent()
  const list = (await domain.admin('entry', 'list'))['entries'] as Entry[]
  const mine = list.filter(({ selectors }) => selectors[0]?.value === `uid:${process.getuid?.()}`)
  expect(mine).toHaveLength(OWN - 5 + 1)
  const wanted = mine.map(({ spiffeId }) => spiffeId).sort()
  const held = async () => {
    const text = await fetched()
    return [...new Set(text.match(/spiffe:\/\/example\.org\/service-\d+\/v\d+/g) ?? [])].sort()
  }
  const returned = Date.now()
  while (JSON.stringify(await held()) !== JSON.stringify(wanted)) {
    expect(Date.now() - returned, again.output).toBeLessThan(PATIENCE_MS)
  }
  expect(again.log.filter(({ code }) => code === 'ERR_AGENT_SERVER_DIVERGED')).toEqual([])
})
