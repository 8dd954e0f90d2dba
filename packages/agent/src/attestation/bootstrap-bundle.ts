import { readFile } from 'node:fs/promises'
import type { TrustDomainBundle } from '@countersign/api'
import { BundleDocument } from '@countersign/api'
import { parseSpiffeBundle } from '@countersign/protocol'
import { Value } from 'typebox/value'
import { AgentError } from '../agent-error.ts'

/**
 * Reads the bundle an operator gave the agent: whom it believes to be the server before it has ever talked to one.
 *
 * @throws AgentError `ERR_AGENT_BOOTSTRAP_BUNDLE` when it cannot be read or names no X.509 root
 */
export async function readBootstrapBundle(path: string, trustDomain: string): Promise<TrustDomainBundle> {
  try {
    const bundle: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (!Value.Check(BundleDocument, bundle)) throw new TypeError('not a SPIFFE bundle document')
    if (parseSpiffeBundle(trustDomain, bundle).x509Authorities.length === 0) throw new TypeError('no X.509 root')
    return { trustDomain, bundle }
  } catch (cause) {
    throw new AgentError('ERR_AGENT_BOOTSTRAP_BUNDLE', 'bootstrap bundle cannot be used', {
      detail: `${path}: ${cause instanceof Error ? cause.message : 'unknown reason'}`,
      cause,
    })
  }
}

/**
 * The bundle to begin with: what the server last sent, unless the operator has provided a newer one since. Never both:
 * a root that was withdrawn would come back.
 */
export function newerBundle(
  stored: TrustDomainBundle | undefined,
  provided: TrustDomainBundle | undefined,
): TrustDomainBundle | undefined {
  if (stored === undefined || provided === undefined) return stored ?? provided
  return isNewer(provided, stored.bundle.spiffe_sequence) ? provided : stored
}

/** @param sequence of the bundle that is known */
export function isNewer({ bundle }: TrustDomainBundle, sequence: number | undefined): boolean {
  return (bundle.spiffe_sequence ?? -1) > (sequence ?? -1)
}
