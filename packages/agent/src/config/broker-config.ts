import { resolve } from 'node:path'
import { ConfigError } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { MAX_SOCKET_PATH_BYTES } from '@countersign/workload-api/server'
import { BrokerPolicy } from '../broker/broker-policy.ts'
import type { BrokerSettings } from './broker-config-schema.ts'

/** Settings of the Broker API, checked, with an absolute path. */
export interface BrokerConfig extends Pick<BrokerSettings, 'tcp' | 'limits'> {
  readonly socket?: { readonly path: string; readonly mode: number }
  readonly policy: BrokerPolicy
}

/**
 * @param trustDomain the agent's own: it has no other identities to give
 * @throws ConfigError `ERR_CONFIG_INVALID`
 */
export function parseBrokerConfig(settings: BrokerSettings, trustDomain: string, baseDir: string): BrokerConfig {
  const { socket, socketMode, tcp, brokers, limits } = settings
  if (socket === undefined && tcp === undefined) {
    throw new ConfigError('ERR_CONFIG_INVALID', '"broker" listens nowhere: set "broker.socket" or "broker.tcp"')
  }
  const path = socket === undefined ? undefined : resolve(baseDir, socket)
  if (path !== undefined && Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new ConfigError('ERR_CONFIG_INVALID', `"broker.socket" is longer than ${MAX_SOCKET_PATH_BYTES} bytes`)
  }
  return {
    ...(path === undefined ? {} : { socket: { path, mode: Number.parseInt(socketMode, 8) } }),
    ...(tcp === undefined ? {} : { tcp }),
    policy: parsePolicy(brokers, trustDomain),
    limits,
  }
}

function parsePolicy(brokers: BrokerSettings['brokers'], trustDomain: string): BrokerPolicy {
  const ids = brokers.map(({ id }) => id)
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index)
  if (repeated !== undefined) throw new ConfigError('ERR_CONFIG_INVALID', `"broker.brokers" names ${repeated} twice`)
  const odd = ids.find((id) => !id.startsWith('spiffe://'))
  if (odd !== undefined) throw new ConfigError('ERR_CONFIG_INVALID', `"broker.brokers": ${odd} is no SPIFFE ID`)
  const foreign = brokers.flatMap(({ identities }) => identities).find(({ root }) => !isOf(root, trustDomain))
  if (foreign !== undefined) {
    const problem = `${foreign.root} is not of ${trustDomain}, and this agent has no other identities`
    throw new ConfigError('ERR_CONFIG_INVALID', `"broker.brokers": ${problem}`)
  }
  try {
    return BrokerPolicy.parse(brokers)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new ConfigError('ERR_CONFIG_INVALID', `"broker.brokers": ${(cause as Error).message}`, { cause })
  }
}

function isOf(root: string, trustDomain: string): boolean {
  const origin = `spiffe://${trustDomain}`
  return root === origin || root.startsWith(`${origin}/`)
}
