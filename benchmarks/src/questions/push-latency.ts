/**
 * How long does it take from a change of an entry to the credential that a program is sent? One server in a process of its
 * own; 50 real agents in this process, each with its own connection, state, socket and one program that listens. They
 * share one event loop with the programs, so the figures are rather too high than too low.
 */
import { parseAgentConfig, type RunningAgent, startAgent } from '@countersign/agent'
import { silentLogger } from '@countersign/plugin-kit'
import { type BareStream, openWhenServed } from '../bare-stream.ts'
import { type Row, toBoundRow } from '../row.ts'
import { TrustDomain } from '../trust-domain.ts'

const AGENTS = 50
const CHANGES = 200
const PATIENCE_MS = 30_000

export async function pushLatency(): Promise<readonly Row[]> {
  const domain = await TrustDomain.start()
  const agents: RunningAgent[] = []
  const streams: BareStream[] = []
  try {
    const listeners: ((text: string) => void)[] = []
    const ids: string[] = []
    for (let index = 0; index < AGENTS; index++) {
      const { agentId, config } = await domain.invite(`node-${index}`)
      await domain.register(agentId, `/program/${index}`)
      agents.push(await startAgent(parseAgentConfig(config, domain.folder), { log: silentLogger }))
      const onMessage = (bytes: Buffer) => listeners[index]?.(bytes.toString('latin1'))
      streams.push(await openWhenServed(String(config['socket']), onMessage))
      ids.push(agentId)
    }
    const milliseconds: number[] = []
    for (let change = 0; change < CHANGES; change++) {
      const index = change % AGENTS
      const path = `/changed/${change}/`
      const pushed = new Promise<number>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('a change was never pushed')), PATIENCE_MS)
        listeners[index] = (text) => {
          if (!text.includes(`${path}id`)) return
          clearTimeout(timer)
          resolve(performance.now())
        }
      })
      const start = performance.now()
      const [entryId, end] = await Promise.all([domain.register(ids[index] ?? '', `${path}id`), pushed])
      milliseconds.push(end - start)
      await domain.admin('DELETE', `/v1/entries/${entryId}`)
    }
    milliseconds.sort((a, b) => a - b)
    const quantile = (share: number) => milliseconds[Math.ceil(share * CHANGES) - 1] ?? Number.NaN
    return [
      toBoundRow('entry change to pushed credential, p50', quantile(0.5), 'ms', 1000),
      toBoundRow('entry change to pushed credential, p99', quantile(0.99), 'ms', 1000),
    ]
  } finally {
    for (const stream of streams) stream.close()
    await Promise.all(agents.map((agent) => agent.stop()))
    domain.stop()
  }
}
