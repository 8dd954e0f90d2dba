/**
 * How long does it take from the taint of the X.509 authority until nothing is left that it signed? One server in a process
 * of its own; 50 real agents in this process, each with its own connection, state and socket, and four programs that hold
 * their stream open. None left means: the server's list says so, and every certificate that a program holds is verified to be signed by the new key and not by the old.
 */
import { X509Certificate } from 'node:crypto'
import { fromBinary } from '@bufbuild/protobuf'
import { parseAgentConfig, type RunningAgent, startAgent } from '@countersign/agent'
import type { AuthorityView } from '@countersign/api'
import { silentLogger } from '@countersign/plugin-kit'
import { X509SVIDResponseSchema } from '@countersign/workload-api/server'
import { type BareStream, openBareStream, openWhenServed } from '../bare-stream.ts'
import { inTurns } from '../in-turns.ts'
import { type Row, toBoundRow } from '../row.ts'
import { TrustDomain } from '../trust-domain.ts'

const AGENTS = 50
const PROGRAMS_PER_AGENT = 4
const PATIENCE_MS = 120_000
const BOUND_SECONDS = 30

export async function taint(): Promise<readonly Row[]> {
  const domain = await TrustDomain.start()
  const agents: RunningAgent[] = []
  const streams: BareStream[] = []
  try {
    const held: Buffer[] = []
    await inTurns(8, AGENTS, async (index) => {
      const { agentId, config } = await domain.invite(`node-${index}`)
      await domain.register(agentId, `/program/${index}`)
      agents.push(await startAgent(parseAgentConfig(config, domain.folder), { log: silentLogger }))
      for (let program = 0; program < PROGRAMS_PER_AGENT; program++) {
        const place = index * PROGRAMS_PER_AGENT + program
        const onMessage = (bytes: Buffer) => {
          held[place] = Buffer.from(bytes)
        }
        const open = program === 0 ? openWhenServed : openBareStream
        streams.push(await open(String(config['socket']), onMessage))
      }
    })
    const [old] = await x509Authorities(domain)
    const before = await authorityKeys(domain)
    const prepared = (await domain.admin('POST', '/v1/authorities/prepare', { kind: 'x509' })) as { id: string }
    await domain.admin('POST', '/v1/authorities/activate', { id: prepared.id, force: true })
    const after = await authorityKeys(domain)
    const fresh = after.filter((key) => !before.includes(key))
    if (countSigned(held, fresh) > 0) throw new Error('a certificate was replaced before anything was tainted')

    const start = performance.now()
    await domain.admin('POST', '/v1/authorities/taint', { id: old?.id })
    let lastHeld = Number.NaN
    for (;;) {
      const seconds = (performance.now() - start) / 1000
      if (seconds * 1000 > PATIENCE_MS) throw new Error('something is left of the tainted authority')
      if (Number.isNaN(lastHeld) && countSigned(held, fresh) === held.length) lastHeld = seconds
      const [view] = (await x509Authorities(domain)).filter(({ id }) => id === old?.id)
      if (!Number.isNaN(lastHeld) && view?.taint?.waiting === 0 && view.taint.credentials === 0) break
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const seconds = (performance.now() - start) / 1000
    if (countSigned(held, fresh) !== held.length || countSigned(held, before) > 0) {
      throw new Error('a program holds a certificate that the tainted key has signed')
    }
    // Refused as long as the server knows of a node that has something left.
    await domain.admin('POST', '/v1/authorities/revoke', { id: old?.id })
    return [
      toBoundRow(`taint to the last of ${held.length} programs' certificates replaced`, lastHeld, 's', BOUND_SECONDS),
      toBoundRow(`taint to none left, as the server says of ${AGENTS} agents`, seconds, 's', BOUND_SECONDS),
    ]
  } finally {
    for (const stream of streams) stream.close()
    await Promise.all(agents.map((agent) => agent.stop()))
    domain.stop()
  }
}

async function x509Authorities(domain: TrustDomain): Promise<AuthorityView[]> {
  const { authorities } = (await domain.admin('GET', '/v1/authorities')) as { authorities: AuthorityView[] }
  return authorities.filter(({ kind, state }) => kind === 'x509' && state !== 'revoked')
}

/** Certificates of the trust domain's X.509 authorities, base64 DER, as its bundle has them. */
async function authorityKeys(domain: TrustDomain): Promise<string[]> {
  const { bundle } = (await domain.admin('GET', '/v1/bundles/example.org')) as {
    bundle: { keys: { use?: string; x5c?: string[] }[] }
  }
  return bundle.keys.flatMap(({ use, x5c = [] }) => (use === 'x509-svid' ? x5c : []))
}

/** How many hold a certificate that one of these authorities has signed. */
function countSigned(held: readonly Buffer[], authorities: readonly string[]): number {
  const keys = authorities.map((der) => new X509Certificate(Buffer.from(der, 'base64')).publicKey)
  return held.filter((message) => {
    const [svid] = fromBinary(X509SVIDResponseSchema, message).svids
    if (svid === undefined) throw new Error('a program has no identity')
    const leaf = new X509Certificate(svid.x509Svid)
    return keys.some((key) => leaf.verify(key))
  }).length
}
