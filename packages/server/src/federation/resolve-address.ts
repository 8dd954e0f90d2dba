import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { AddressPolicy } from './address-policy.ts'
import { FederationError } from './federation-error.ts'

/** All addresses of a host name, as the system resolves it. */
export type ResolveHost = (host: string) => Promise<readonly LookupAddress[]>

export const resolveHost: ResolveHost = (host) => lookup(host, { all: true })

/**
 * The addresses of a host, each of them allowed. Connect to these and do not resolve again: the second answer of a name
 * server may differ from the first.
 *
 * @param host name or IP address, without brackets
 * @throws FederationError `ERR_FEDERATION_ADDRESS` when any of them is not allowed
 * @throws Error with a system code when there is none, or the signal's reason when it is aborted
 */
export async function resolveAllowed(
  host: string,
  addresses: AddressPolicy,
  resolve: ResolveHost,
  signal: AbortSignal,
): Promise<LookupAddress[]> {
  const version = isIP(host)
  const found = version === 0 ? await unlessAborted(resolve(host), signal) : [{ address: host, family: version }]
  const [first] = found
  if (first === undefined) throw Object.assign(new Error('host has no address'), { code: 'ENOTFOUND' })
  const refused = found.find(({ address }) => !addresses.allows(address))
  if (refused !== undefined) {
    throw new FederationError('ERR_FEDERATION_ADDRESS', "bundle endpoint's address is not public, nor allowed", {
      detail: refused.address,
    })
  }
  return [...found]
}

/** The system's resolver cannot be told to stop; its answer is not waited for any more. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
