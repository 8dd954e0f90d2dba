import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { missingProgram } from '../support/debian-package.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import { until } from '../support/until.ts'
import { freePort, Prometheus } from './prometheus.ts'
import { makeSomethingHappen } from './something-happens.ts'

const DASHBOARD = fileURLToPath(new URL('../../docs/dashboards/countersign.json', import.meta.url))
const ALERTS = fileURLToPath(new URL('../../docs/dashboards/alerts.yml', import.meta.url))

/** Series that exist only after what must not happen. */
const EMPTY_WHEN_WELL = /store_failures_total|credentials_refused_total/

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

/** A real Prometheus scrapes server and agent: it takes the text, and every query of the dashboard finds something. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    const debian = ['prometheus'] as const
    return (
      (await missingProgram(processes, 'prometheus', ['--version'], ...debian)) ??
      (await missingProgram(processes, 'promtool', ['--version'], ...debian))
    )
  },

  async run(context) {
    const { processes, report, temporaryFolder, startTrustDomain } = context
    const ports = { server: await freePort(), agent: await freePort() }
    const rulesFile = join(temporaryFolder, 'exchange-rules.yaml')
    await writeFile(rulesFile, 'rules: []\n')
    const domain = await startTrustDomain('metrics.test', {
      server: {
        telemetry: { port: ports.server },
        // It counts what it reads of its rules.
        ...{
          public: { host: '127.0.0.1', port: await freePort() },
          tokenService: { issuer: 'https://id.metrics.test/oauth2', rulesFile },
        },
      },
      agent: { telemetry: { port: ports.agent } },
    })
    const targets = { server: `127.0.0.1:${ports.server}`, agent: `127.0.0.1:${ports.agent}` }
    await makeSomethingHappen(domain)
    for (const [job, target] of Object.entries(targets)) await checkText(context, job, target)
    await checkRuleFile(context)

    const prometheus = await Prometheus.start(processes, temporaryFolder, targets, ALERTS)
    const up = await until(async () => {
      const found = await prometheus.query('up == 1')
      return found.length === 2 && found
    }, 'two targets that are up')
    report.add({
      check: 'prometheus scrapes server and agent',
      ok: up.length === 2,
      detail: `${up.length} targets are up`,
    })
    await checkDashboard(context, prometheus)
    await checkRules(context, prometheus)
  },
}

/** `promtool check metrics` reads standard input, and lints names, units and help. */
async function checkText(
  { processes, report, temporaryFolder }: SuiteContext,
  job: string,
  target: string,
): Promise<void> {
  const text = await (await fetch(`http://${target}/metrics`)).text()
  const ours = text.split('\n').filter((line) => /countersign_/.test(line))
  const file = join(temporaryFolder, `${job}.metrics`)
  await writeFile(file, `${ours.join('\n')}\n`)
  const { exitCode, stdout, stderr } = await processes.run(
    'sh',
    ['-c', 'exec promtool check metrics < "$1"', 'sh', file],
    { timeoutMs: 20_000 },
  )
  const said = `${stdout}${stderr}`.trim().slice(0, 1000)
  const detail = exitCode === 0 ? `${ours.filter((line) => !line.startsWith('#')).length} samples` : said
  report.add({ check: `promtool has nothing to say about the metrics of the ${job}`, ok: exitCode === 0, detail })
}

async function checkRuleFile({ processes, report }: SuiteContext): Promise<void> {
  const { exitCode, stdout, stderr } = await processes.run('promtool', ['check', 'rules', ALERTS], {
    timeoutMs: 20_000,
  })
  const detail = `${stdout}${stderr}`.trim().replace(/\s+/g, ' ').slice(-200)
  report.add({ check: 'promtool takes the alerts', ok: exitCode === 0, detail })
}

async function checkDashboard({ report }: SuiteContext, prometheus: Prometheus): Promise<void> {
  const { panels } = JSON.parse(await readFile(DASHBOARD, 'utf8')) as { panels: readonly Panel[] }
  const queries = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr: filledIn(expr) })),
  )
  const empty = new Set(queries.filter(({ expr }) => !EMPTY_WHEN_WELL.test(expr)))
  // A rate needs two scrapes.
  await until(async () => {
    for (const query of empty) if ((await prometheus.query(query.expr)).length > 0) empty.delete(query)
    return empty.size === 0
  }, 'data for every query').catch(() => {})
  const titles = [...empty].map(({ title, expr }) => `${title}: ${expr}`).join('; ')
  report.add({
    check: 'every query of the dashboard finds data',
    ok: empty.size === 0,
    detail: empty.size === 0 ? `${queries.length} queries` : titles,
  })
  const excused = queries.filter(({ expr }) => EMPTY_WHEN_WELL.test(expr))
  for (const { expr } of excused) await prometheus.query(expr)
  report.add({
    check: 'those that are empty while all is well are taken too',
    ok: excused.length > 0,
    detail: excused.map(({ title }) => title).join(', '),
  })
}

/** What Grafana does before it asks. */
function filledIn(expression: string): string {
  return expression.replaceAll('$job', '.+').replaceAll('$__rate_interval', '30s')
}

async function checkRules({ report }: SuiteContext, prometheus: Prometheus): Promise<void> {
  const rules = await until(async () => {
    const found = await prometheus.rules()
    return found.length > 0 && found.every(({ health }) => health !== 'unknown') && found
  }, 'rules that were evaluated')
  const broken = rules.filter(({ health }) => health !== 'ok').map(({ name }) => name)
  report.add({
    check: 'every alert can be evaluated',
    ok: broken.length === 0,
    detail: broken.length === 0 ? `${rules.length} alerts` : broken.join(', '),
  })
}
