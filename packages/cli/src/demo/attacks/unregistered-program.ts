import type { Attack } from '../attack.ts'

export const unregisteredProgram: Attack = {
  name: 'unregistered-program',
  title: 'a program nobody registered, asking the agent for an identity',
  expectedCode: 'ERR_WORKLOAD_API_DENIED',
  async run({ runProgram, refusalsLogged }) {
    const { code } = await runProgram('intruder', {})
    return { code: code as string | undefined, notes: explain(await refusalsLogged()) }
  },
}

interface NearestEntry {
  readonly spiffeId: string
  readonly missing: readonly string[]
}

/** The agent told the program nothing; this is what it told the operator. */
function explain(refusal: Readonly<Record<string, unknown>>): readonly string[] {
  const nearest = (refusal['nearest'] ?? []) as readonly NearestEntry[]
  const [first] = nearest
  if (first === undefined) return ['agent log: no identity issued, no entry is near']
  return [`the operator is told: nearest entry ${first.spiffeId}, missing ${first.missing.join(', ')}`]
}
