import { CliError } from '../../cli-error.ts'
import type { Check } from './check.ts'

/**
 * The checks whose id one of the patterns fits. `*` stands for any text; no pattern stands for all checks.
 *
 * @throws CliError `ERR_CLI_USAGE` for a pattern that fits nothing: a typing mistake must not look like success
 */
export function selectChecks(checks: readonly Check[], patterns: readonly string[]): ReadonlySet<Check> {
  if (patterns.length === 0) return new Set(checks)
  return new Set(
    patterns.flatMap((pattern) => {
      const expression = new RegExp(`^${pattern.split('*').map(escapeText).join('.*')}$`, 'i')
      const fitting = checks.filter(({ id }) => expression.test(id))
      if (fitting.length === 0) throw new CliError('ERR_CLI_USAGE', `no check fits "${pattern.slice(0, 64)}"`)
      return fitting
    }),
  )
}

function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
