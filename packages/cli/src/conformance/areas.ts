import type { Area } from './area.ts'
import { identifierArea } from './areas/identifier.ts'
import { witArea } from './areas/wit.ts'
import { wptArea } from './areas/wpt.ts'

const AREAS: readonly Area[] = [identifierArea, witArea, wptArea]

export function findArea(name: string): Area | undefined {
  return AREAS.find((area) => area.name === name)
}
