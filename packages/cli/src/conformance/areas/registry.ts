import { AllocationRegistry, WorkloadId } from '@countersign/protocol'
import type { Area } from '../area.ts'
import { requireArray, requireBoolean, requireObject, requireOneOf, requireString } from '../shape.ts'
import type { JsonValue, TestCase } from '../test-case.ts'

const CASE_ISSUER = 'case'

/** Who has which identifier: `{ operation: "allocate", allocations }` or `{ operation: "reassign", attempt }`. */
export const registryArea: Area = {
  name: 'registry',
  configKeys: [],
  ignoredConfigKeys: ['trust', 'clock_skew'],
  inputKeys: ['operation', 'allocations', 'attempt'],
  resultKeys: [],
  prepare: (testCase) => {
    const { id, input, expect } = testCase
    const operation = requireOneOf(input['operation'], ['allocate', 'reassign'], `${id}: input.operation`)
    const run = operation === 'allocate' ? prepareAllocate(testCase) : prepareReassign(testCase)
    return [
      {
        expect,
        verify() {
          run(new AllocationRegistry())
          return {}
        },
      },
    ]
  },
}

function prepareAllocate({ id, input }: TestCase): (registry: AllocationRegistry) => void {
  const place = `${id}: input.allocations`
  const allocations = requireArray(input['allocations'], place).map((value, index) => {
    const read = stringsOf(requireObject(value, `${place}[${index}]`), `${place}[${index}]`)
    return { issuer: read('issuer'), principal: read('principal'), identifier: read('identifier') }
  })
  return (registry) => {
    for (const allocation of allocations) {
      registry.allocate({ ...allocation, identifier: WorkloadId.parse(allocation.identifier) })
    }
  }
}

function prepareReassign({ id, input }: TestCase): (registry: AllocationRegistry) => void {
  const place = `${id}: input.attempt`
  const attempt = requireObject(input['attempt'], place)
  const read = stringsOf(attempt, place)
  const flag = (member: string) => requireBoolean(attempt[member], `${place}.${member}`)
  const text = read('identifier')
  const previousPrincipal = read('previous_principal')
  const nextPrincipal = read('next_principal')
  const isIntentional = flag('intentional')
  const retirement = {
    isPreviousCredentialValid: flag('previous_credential_valid'),
    isPreviousProofValid: flag('previous_proof_valid'),
    isAuthorizationCacheActive: flag('authorization_cache_active'),
    isExternalMappingActive: flag('external_mapping_active'),
    areUpdatesPropagated: flag('updates_propagated'),
    isAuditAttributionPreserved: flag('audit_attribution_preserved'),
  }
  return (registry) => {
    const identifier = WorkloadId.parse(text)
    registry.allocate({ identifier, principal: previousPrincipal, issuer: CASE_ISSUER })
    registry.reassign({
      identifier,
      previousPrincipal,
      nextPrincipal,
      issuer: CASE_ISSUER,
      isIntentional,
      retirement,
    })
  }
}

function stringsOf(value: JsonValue, place: string): (member: string) => string {
  return (member) => requireString(value[member], `${place}.${member}`)
}
