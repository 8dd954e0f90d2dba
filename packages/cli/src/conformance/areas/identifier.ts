import { WorkloadId } from '@countersign/protocol'
import type { Area } from '../area.ts'
import { requireString } from '../shape.ts'

/** Workload Identifiers: `{ identifier }`. */
export const identifierArea: Area = {
  name: 'identifier',
  configKeys: [],
  ignoredConfigKeys: ['trust', 'clock_skew'],
  inputKeys: ['identifier'],
  resultKeys: [],
  prepare: ({ id, input, expect }) => {
    const identifier = requireString(input['identifier'], `${id}: input.identifier`)
    return [
      {
        expect,
        verify() {
          WorkloadId.parse(identifier)
          return {}
        },
      },
    ]
  },
}
