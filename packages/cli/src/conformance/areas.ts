import type { Area } from './area.ts'
import { httpsigRequestArea } from './areas/httpsig-request.ts'
import { httpsigResponseArea } from './areas/httpsig-response.ts'
import { identifierArea } from './areas/identifier.ts'
import { policyArea } from './areas/policy.ts'
import { registryArea } from './areas/registry.ts'
import { txnTokenArea } from './areas/txn-token.ts'
import { wicArea } from './areas/wic.ts'
import { witArea } from './areas/wit.ts'
import { wptArea } from './areas/wpt.ts'

const AREAS: readonly Area[] = [
  identifierArea,
  witArea,
  wptArea,
  wicArea,
  policyArea,
  registryArea,
  txnTokenArea,
  httpsigRequestArea,
  httpsigResponseArea,
]

export function findArea(name: string): Area | undefined {
  return AREAS.find((area) => area.name === name)
}
