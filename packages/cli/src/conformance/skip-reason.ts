import type { Area } from './area.ts'
import { findArea } from './areas.ts'
import type { TestCase } from './test-case.ts'

/** Keys that reproduce results of older drafts. The product has no such setting, on purpose. */
const PEER_ONLY: Readonly<Record<string, string>> = {
  lenient_cnf_alg: 'a WIT without cnf.jwk.alg is never accepted',
  rfc9421_only: 'a signature outside the WIMSE profile is never accepted',
  required_components: 'covered components come from the WIMSE profile alone',
  accept_label: 'a signature is chosen by its tag, not by a label of choice',
  trust_wit_unverified: 'a WIT is never trusted without its signature',
}

/** Why a case cannot be judged, or `undefined` when it can. A case is never passed on the strength of a guess. */
export function skipReason(testCase: TestCase): string | undefined {
  if (testCase.level === 'ambiguous') return 'level ambiguous is never scored'
  const area = findArea(testCase.area)
  if (area === undefined) return 'area not implemented yet'
  return unsupportedConfig(testCase, area) ?? unsupportedInput(testCase, area)
}

function unsupportedConfig({ config }: TestCase, area: Area): string | undefined {
  for (const key of Object.keys(config)) {
    if (Object.hasOwn(PEER_ONLY, key)) return `config key ${key}: ${PEER_ONLY[key]}`
    if (!area.configKeys.includes(key) && !area.ignoredConfigKeys.includes(key)) {
      return `config key ${key} is not known for area ${area.name}`
    }
  }
  return undefined
}

function unsupportedInput({ input, result }: TestCase, area: Area): string | undefined {
  const inputKey = Object.keys(input).find((key) => !area.inputKeys.includes(key))
  if (inputKey !== undefined) return `input member ${inputKey} is not known for area ${area.name}`
  const resultKey = Object.keys(result).find((key) => !area.resultKeys.includes(key))
  return resultKey === undefined ? undefined : `result member ${resultKey} is not known for area ${area.name}`
}
