import { IdentifierPolicy } from '@countersign/protocol'
import type { Area } from '../area.ts'
import { optional, requireBoolean, requireObject, requireOneOf, requireString } from '../shape.ts'

/** Rules over identifiers: `{ policy: { root, match, enabled, allow_entire_origin }, subject, credential_valid }`. */
export const policyArea: Area = {
  name: 'policy',
  configKeys: [],
  ignoredConfigKeys: ['trust', 'clock_skew'],
  inputKeys: ['policy', 'subject', 'credential_valid'],
  resultKeys: ['sub'],
  prepare: ({ id, input, expect }) => {
    const at = (member: string) => `${id}: input.${member}`
    const policy = requireObject(input['policy'], at('policy'))
    const rule = {
      root: requireString(policy['root'], at('policy.root')),
      match: requireOneOf(policy['match'], ['exact', 'descendants'], at('policy.match')),
      isEnabled: requireBoolean(policy['enabled'], at('policy.enabled')),
      allowEntireOrigin:
        optional(policy['allow_entire_origin'], at('policy.allow_entire_origin'), requireBoolean) ?? false,
    }
    const identifier = requireString(input['subject'], at('subject'))
    const isCredentialValid = requireBoolean(input['credential_valid'], at('credential_valid'))
    return [
      {
        expect,
        verify() {
          const subject = new IdentifierPolicy(rule).authorize({ identifier, isCredentialValid })
          return { sub: subject.toString() }
        },
      },
    ]
  },
}
