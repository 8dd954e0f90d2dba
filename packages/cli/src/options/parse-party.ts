import type { ExplainedParty } from '@countersign/api'
import { InvalidArgumentError } from 'commander'

/** `<profile>:<issuer>:<subject>`; the subject may have colons in it. */
export function parseParty(text: string): ExplainedParty {
  const [, profile, issuer, subject] = /^([^:]+):([^:]+):(.+)$/s.exec(text) ?? []
  if (profile === undefined || issuer === undefined || subject === undefined) {
    throw new InvalidArgumentError('Expected <profile>:<issuer>:<subject>.')
  }
  return { profile, issuer, subject }
}
