import type { TextStream } from '../command-context.ts'
import type { AttackOutcome, DemoResult, HopOutcome } from './demo-result.ts'
import type { DemoTrustDomain } from './trust-domain.ts'

/** Tells the demo's story as it happens. One for people, one that says nothing until the end, for machines. */
export interface DemoReport {
  step(text: string): void
  domains(domains: readonly DemoTrustDomain[]): void
  services(lines: readonly { readonly name: string; readonly id: string; readonly pid: number }[]): void
  hops(hops: readonly HopOutcome[], checks: readonly string[]): void
  attack(outcome: AttackOutcome): void
  verdict(result: DemoResult): void
}

export function verdictLine({ hops, attacks }: DemoResult): string {
  const verified = hops.filter(({ verified }) => verified).length
  const refused = attacks.filter(({ refused }) => refused).length
  return `demo: ${verified} hops verified, ${refused} attacks refused`
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
    attack: silent,
    verdict: (result) => stdout.write(`${JSON.stringify({ ...result, verdict: verdictLine(result) }, undefined, 2)}\n`),
  }
}

function bold(stream: TextStream, text: string): string {
  return stream.isTTY === true && process.env['NO_COLOR'] === undefined ? `\u001b[1m${text}\u001b[0m` : text
}

function mark(stream: TextStream, good: boolean): string {
  const sign = good ? '✓' : '✗'
  if (stream.isTTY !== true || process.env['NO_COLOR'] !== undefined) return sign
  return `\u001b[${good ? 32 : 31}m${sign}\u001b[0m`
}
