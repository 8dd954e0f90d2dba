import type { CheckReport, SuiteReport } from '../run-checks.ts'

/**
 * A report as JUnit XML, which CI systems read. A warning is a pass with a text: the format knows nothing between a pass and
 * a failure.
 */
export function formatJunit({ checks, failed, skipped }: SuiteReport): string {
  const seconds = checks.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000
  const counts = `tests="${checks.length}" failures="${failed}" errors="0" skipped="${skipped}" time="${seconds}"`
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites ${counts}>
  <testsuite name="SPIFFE Workload API" ${counts}>
${checks.map(formatCase).join('\n')}
  </testsuite>
</testsuites>
`
}

function formatCase({ id, level, title, section, outcome, reason, expected, seen, milliseconds }: CheckReport): string {
  const name = `${id}: ${title}`
  const head = `    <testcase classname="workload-api.${level}" name="${xmlText(name)}" time="${milliseconds / 1000}"`
  const difference = xmlText(`expected ${expected}; seen ${seen}`)
  switch (outcome) {
    case 'pass':
      return `${head}/>`
    case 'skip':
      return `${head}><skipped message="${xmlText(reason ?? '')}"/></testcase>`
    case 'warn':
      return `${head}><system-out>warning: ${difference} (${xmlText(section)})</system-out></testcase>`
    case 'fail':
      return `${head}><failure message="${difference}">${xmlText(section)}</failure></testcase>`
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** XML has no way at all to write most control characters. */
function xmlText(text: string): string {
  return text.replace(/[&<>"]/g, (each) => ENTITIES[each] ?? each).replace(/[^\u0020-\ud7ff\ue000-\ufffd]/g, '\ufffd')
}
