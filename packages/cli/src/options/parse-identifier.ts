import { parseTrustDomain, WorkloadId } from '@countersign/protocol'
import { InvalidArgumentError } from 'commander'

/** A workload identifier in canonical spelling. */
export function parseIdentifier(text: string): string {
  return asArgument(() => WorkloadId.parse(text).toString())
}

export function parseTrustDomainName(text: string): string {
  return asArgument(() => parseTrustDomain(text))
}

/** Collects repeated options. */
export function collectTrustDomain(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, parseTrustDomainName(text)]
}

/** A refusal of the identifier's parser as one of the command line. */
function asArgument<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : 'It cannot be parsed.')
  }
}
