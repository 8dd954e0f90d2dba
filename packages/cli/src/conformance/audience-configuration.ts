import { AudiencePolicy } from '@countersign/protocol'
import { optional, requireString, requireStrings } from './shape.ts'
import type { TestCase } from './test-case.ts'

/** Whom the case's service answers to: `base_url` and `accepted_audiences`, never what the request says. */
export function audienceFor({ id, config }: TestCase): AudiencePolicy {
  const at = (key: string) => `${id}: config.${key}`
  const baseUrl = optional(config['base_url'], at('base_url'), requireString)
  return new AudiencePolicy({
    baseUrls: baseUrl === undefined ? [] : [baseUrl],
    accepted: optional(config['accepted_audiences'], at('accepted_audiences'), requireStrings) ?? [],
  })
}
