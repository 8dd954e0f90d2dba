/** What a check found, as one line a person can act on. */
export interface Problem {
  /** Relative to the repository, with forward slashes. */
  readonly file: string
  /** From 1; absent when the problem is the whole file. */
  readonly line?: number
  readonly message: string
  /** The rule that was broken, in the words of whoever has to keep it. */
  readonly rule: string
}

export function formatProblem({ file, line, message, rule }: Problem): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${message}\n    rule: ${rule}`
}

/** Prints what was found; the exit status says whether there was anything. */
export function reportProblems(what: string, problems: readonly Problem[]): void {
  for (const problem of problems) console.error(formatProblem(problem))
  if (problems.length > 0) console.error(`${what}: ${problems.length} problem${problems.length === 1 ? '' : 's'}`)
  else console.log(`${what}: ok`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
