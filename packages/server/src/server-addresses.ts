/** By which names and addresses a listener is reached. */
import { isIP } from 'node:net'

/** Addresses that mean "all of this machine's": nobody can connect to them by that name. */
const UNSPECIFIED = new Set(['0.0.0.0', '::', '0:0:0:0:0:0:0:0'])

/** The hosts, without those that name no particular machine. */
export function reachableHosts(...hosts: readonly (string | undefined)[]): string[] {
  return hosts.filter((host) => host !== undefined && !UNSPECIFIED.has(host)) as string[]
}

export function httpsUrl(hosts: readonly string[], port: number): string {
  const host = hosts[0] ?? 'localhost'
  return `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}
