/** `npm run bench`: every question in turn, as a table or (`-- --json`) for machines. */
import { parseArgs } from 'node:util'
import type { Effort } from './interleave.ts'
import { away } from './questions/away.ts'
import { httpSignature } from './questions/http-signature.ts'
import { pushLatency } from './questions/push-latency.ts'
import { requestCheck } from './questions/request-check.ts'
import { server } from './questions/server.ts'
import { taint } from './questions/taint.ts'
import { tokenService } from './questions/token-service.ts'
import { tokenServiceMemory } from './questions/token-service-memory.ts'
import { witIssue } from './questions/wit-issue.ts'
import { witVerify } from './questions/wit-verify.ts'
import { workloadMemory } from './questions/workload-memory.ts'
import { workloadUnary } from './questions/workload-unary.ts'
import { wptBuild } from './questions/wpt-build.ts'
import { x509Csr } from './questions/x509-csr.ts'
import { x509Issue } from './questions/x509-issue.ts'
import type { Row } from './row.ts'

const QUESTIONS: Readonly<Record<string, (effort: Effort) => Promise<readonly Row[]>>> = {
  'wit-verify': witVerify,
  'wit-issue': witIssue,
  'wpt-build': wptBuild,
  'request-check': requestCheck,
  'http-signature': httpSignature,
  'x509-issue': x509Issue,
  'x509-csr': x509Csr,
  'workload-memory': workloadMemory,
  'workload-unary': workloadUnary,
  'push-latency': pushLatency,
  server,
  away,
  taint,
  'token-service': tokenService,
  'token-service-memory': tokenServiceMemory,
}

const HELP = `usage: npm run bench -- [--only NAME] [--json] [--rounds N] [--slice MS]

Figures are operations per CPU second unless they have a unit; ratios are medians over interleaved rounds of one run.
questions: ${Object.keys(QUESTIONS).join(', ')}

example: npm run bench -- --only request-check
`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '21' },
    slice: { type: 'string', default: '40' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  process.stdout.write(HELP)
} else if (values.only !== undefined && !Object.hasOwn(QUESTIONS, values.only)) {
  process.stderr.write(`unknown question "${values.only}"\n\n${HELP}`)
  process.exitCode = 2
} else {
  await report({ rounds: Number(values.rounds), sliceMs: Number(values.slice) })
}

async function report(effort: Effort): Promise<void> {
  const rows: Row[] = []
  for (const [name, measure] of Object.entries(QUESTIONS)) {
    if (values.only !== undefined && values.only !== name) continue
    if (process.stderr.isTTY) process.stderr.write(`measuring ${name} …\n`)
    rows.push(...(await measure(effort)))
  }
  process.stdout.write(values.json ? `${JSON.stringify(rows, undefined, 2)}\n` : table(rows))
}

function table(rows: readonly Row[]): string {
  const cells = [
    ['', 'ours/CPU-s', 'to limit', 'target', 'limit', 'to peer', 'target', 'peer', ''],
    ...rows.map((row) => [
      row.name,
      row.unit === undefined ? String(row.ours) : `${row.ours} ${row.unit}`,
      row.ratioToLimit.toFixed(2),
      row.target.toLimit === undefined ? '' : `>= ${row.target.toLimit}`,
      row.limitName,
      row.ratioToPeer?.toFixed(2) ?? '',
      row.target.toPeer === undefined ? '' : `>= ${row.target.toPeer}`,
      row.peerName,
      row.ok ? 'ok' : 'MISSED',
    ]),
  ]
  const widths = (cells[0] as string[]).map((_, column) =>
    Math.max(...cells.map((line) => (line[column] as string).length)),
  )
  return cells
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
