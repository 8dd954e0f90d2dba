import type { TextStream } from '../command-context.ts'
import type { CrossingOutcome } from './crossing/play-crossing.ts'
import type { SeenActor } from './crossing/sighting.ts'
import type { AttackOutcome, DemoResult, HopOutcome } from './demo-result.ts'
import type { DemoTrustDomain } from './trust-domain.ts'

/** Tells the demo's story as it happens. One for people, one that says nothing until the end, for machines. */
export interface DemoReport {
  step(text: string): void
  domains(domains: readonly DemoTrustDomain[]): void
  services(lines: readonly { readonly name: string; readonly id: string; readonly pid: number }[]): void
  hops(hops: readonly HopOutcome[], checks: readonly string[]): void
  crossing(outcome: CrossingOutcome): void
  attack(outcome: AttackOutcome): void
  verdict(result: DemoResult): void
}

export function verdictLine({ hops, crossing, attacks }: DemoResult): string {
  const verified = hops.filter(({ verified }) => verified).length
  const refused = attacks.filter(({ refused }) => refused).length
  const users = crossing.verified ? 1 : 0
  return `demo: ${verified} hops verified, ${users} user seen across domains, ${refused} attacks refused`
}

export function textReport(stdout: TextStream, stderr: TextStream): DemoReport {
  const line = (text = '') => stdout.write(`${text}\n`)
  const heading = (text: string) => {
    line()
    line(bold(stdout, text))
  }
  return {
    step(text) {
      if (stderr.isTTY === true) stderr.write(`… ${text}\n`)
    },
    domains(domains) {
      heading('Two trust domains, each with its own server, agent, keys and folder')
      for (const { name, server, agent } of domains) {
        line(`  ${name.padEnd(13)} server pid ${String(server.pid).padEnd(8)} agent pid ${agent.pid}`)
      }
      line('  each has fetched the other’s keys from its bundle endpoint')
    },
    services(services) {
      heading('Three programs got an identity nobody handed them: the agent saw which program was asking')
      for (const { name, id, pid } of services) line(`  ${name.padEnd(13)} pid ${String(pid).padEnd(8)} ${id}`)
    },
    hops(hops, checks) {
      heading('One order, through all three')
      hops.forEach((hop, index) => {
        line(`  hop ${index + 1}  ${mark(stdout, hop.verified)} ${hop.caller} → ${hop.callee}`)
        line(`         proof: ${hop.binding} for ${hop.audience}`)
        line(
          `         ${hop.verified ? `${checks.length} checks passed, allowed by policy` : hop.problem}; took ${hop.tookMs} ms`,
        )
      })
      line('  what is checked at every hop:')
      for (const check of checks) line(`    - ${check}`)
      heading('Attacks on the way')
    },
    crossing({ login, transaction, sighting, verified, problem }) {
      heading('A user across domains: signed in at the shop, she pays at the bank')
      line(`  ${transaction.subject} signs in at ${login}, by authorization code and PKCE`)
      line('         (a small login server stands in for yours; interop/keycloak has the same with Keycloak)')
      line('  storefront  her access token  → transaction token of shop.example')
      line('  orders      transaction token → grant for bank.example: one audience, one use, 60 s')
      line("  orders      grant             → access token of bank.example, bound to the key of orders' identity")
      line(`  ${mark(stdout, verified)} the ledger sees`)
      line(`         user    ${sighting.user}, ${sighting.email}, for ${sighting.scopes.join(' ')}`)
      line(`         caller  ${sighting.caller}, by its own proof (${sighting.binding})`)
      sighting.chain.forEach((actor, index) => {
        line(`         ${index === 0 ? 'chain ' : '      '}  ${actor.subject}${sourceOf(actor)}`)
      })
      if (problem !== undefined) line(`         ${problem}`)
      heading('Attacks between the domains')
    },
    attack({ title, refused, code, status, expectedCode, notes }) {
      const answer = `${code ?? 'not refused'}${status === undefined ? '' : ` (${status})`}`
      line(`  ${mark(stdout, refused)} ${title}`)
      line(
        `      ${refused ? `refused: ${answer}` : `NOT refused as it should be: ${answer}, expected ${expectedCode}`}`,
      )
      for (const note of notes) line(`      ${note}`)
    },
    verdict(result) {
      line()
      if (!result.ok) line('The demo did not go as it must: see above.')
      line(verdictLine(result))
    },
  }
}

/** Prints one object at the end. */
export function jsonReport(stdout: TextStream): DemoReport {
  const silent = () => {}
  return {
    step: silent,
    domains: silent,
    services: silent,
    hops: silent,
    crossing: silent,
    attack: silent,
    verdict: (result) => stdout.write(`${JSON.stringify({ ...result, verdict: verdictLine(result) }, undefined, 2)}\n`),
  }
}

/** Whose word it is that this one acted. */
function sourceOf({ issuer }: SeenActor): string {
  return issuer === undefined ? ', seen by the bank itself' : `, on the word of ${issuer}`
}

function bold(stream: TextStream, text: string): string {
  return stream.isTTY === true && process.env['NO_COLOR'] === undefined ? `\u001b[1m${text}\u001b[0m` : text
}

function mark(stream: TextStream, good: boolean): string {
  const sign = good ? '✓' : '✗'
  if (stream.isTTY !== true || process.env['NO_COLOR'] !== undefined) return sign
  return `\u001b[${good ? 32 : 31}m${sign}\u001b[0m`
}
