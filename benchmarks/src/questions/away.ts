/**
 * What does an agent get that comes back after a million changes of its own entries? One server in a process of its own;
 * the changes go through its admin API, 500 at a time. The agent must end with exactly what the server has.
 */
import type { Entry } from '@countersign/api'
import { LightAgent } from '../light-agent.ts'
import { type Row, toBoundRow } from '../row.ts'
import { residentKib, TrustDomain } from '../trust-domain.ts'

const ENTRIES = 1_000
const BATCH = 500
const CHANGES = 1_000_000

export async function away(): Promise<readonly Row[]> {
  const domain = await TrustDomain.start()
  let agent: LightAgent | undefined
  try {
    agent = await LightAgent.attest(domain, 'node', [])
    const { agentId } = agent
    const fields = (index: number, hint: string) => ({
      ...{ spiffeId: `spiffe://example.org/service-${index}`, parentId: agentId, hint },
      selectors: [{ type: 'unix', value: `uid:${index}` }],
    })
    let revision = Number((await domain.admin('GET', '/v1/status'))['revision'])
    const batch = async (steps: object) => {
      const result = await domain.admin('POST', '/v1/entries/batch', { revision, ...steps })
      revision = Number(result['revision'])
      return result as unknown as { created: Entry[] }
    }
    const ids: string[] = []
    for (let start = 0; start < ENTRIES; start += BATCH) {
      const create = Array.from({ length: BATCH }, (_, index) => fields(start + index, 'first'))
      ids.push(...(await batch({ create })).created.map(({ id }) => id))
    }
    await agent.follow()
    const known = agent.state
    agent.leave()

    const before = residentKib(domain.serverPid)
    const start = performance.now()
    for (let done = 0; done < CHANGES; done += BATCH) {
      const first = done % ENTRIES
      const replace = Array.from({ length: BATCH }, (_, index) => ({
        ...{ id: ids[first + index], entry: fields(first + index, `change ${done}`) },
      }))
      await batch({ replace })
    }
    const perSecond = CHANGES / ((performance.now() - start) / 1000)
    const grown = (residentKib(domain.serverPid) - before) / 1024

    const back = performance.now()
    await agent.follow(known)
    const milliseconds = performance.now() - back
    const { entries } = (await domain.admin('GET', '/v1/entries')) as unknown as { entries: Entry[] }
    const text = (list: readonly Entry[] = []) => JSON.stringify(list.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
    if (text(agent.state?.entries) !== text(entries)) throw new Error('the agent does not have what the server has')
    if (agent.events.join() !== 'sync') throw new Error(`the agent was told by ${agent.events.join()}`)
    const whole = Buffer.byteLength(JSON.stringify(agent.state))
    return [
      toBoundRow(`back after ${CHANGES} changes: octets, of ${whole} for the state`, agent.received, 'B', 1.1 * whole),
      toBoundRow('back after a million changes: until it has them', milliseconds, 'ms', 1000),
      toBoundRow(`server memory grown by them, at ${Math.round(perSecond)} changes a second`, grown, 'MiB', 256),
    ]
  } finally {
    agent?.close()
    domain.stop()
  }
}
