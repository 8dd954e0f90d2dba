/** What does an agent keep in memory for 2000 programs that do nothing but hold their X.509 stream open? */
import { type BareStream, openBareStream, openWhenServed } from '../bare-stream.ts'
import { type Row, toBoundRow } from '../row.ts'
import { residentKib, TrustDomain } from '../trust-domain.ts'

const PROGRAMS = 2000
const AT_ONCE = 50
/** For what is left of connecting to be given back to the system. */
const SETTLE_MS = 20_000

export async function workloadMemory(): Promise<readonly Row[]> {
  const domain = await TrustDomain.start()
  const streams: BareStream[] = []
  try {
    const invitation = await domain.invite('node')
    await domain.register(invitation.agentId, '/program')
    const { pid = 0 } = await domain.runAgent({
      ...invitation,
      config: { ...invitation.config, limits: { connections: 4096, connectionsPerUser: 4096 } },
    })
    const socket = String(invitation.config['socket'])
    streams.push(await openWhenServed(socket))
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const before = residentKib(pid)
    while (streams.length < PROGRAMS) {
      const count = Math.min(AT_ONCE, PROGRAMS - streams.length)
      streams.push(...(await Promise.all(Array.from({ length: count }, () => openBareStream(socket)))))
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const after = residentKib(pid)
    return [
      toBoundRow('idle X.509 stream on its own connection', (after - before) / PROGRAMS, 'KiB RSS', 45),
      toBoundRow(`agent with ${PROGRAMS} idle programs`, after / 1024, 'MiB RSS', 150),
    ]
  } finally {
    for (const stream of streams) stream.close()
    domain.stop()
  }
}
