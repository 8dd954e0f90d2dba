import { WorkloadId } from '@countersign/protocol'
import type { ExpectedPeer } from '../tls/expected-peer.ts'

/** Whom a program means to reach, as people write it: an identifier may be a text. */
export type PeerSetting = string | readonly (string | WorkloadId)[] | ExpectedPeer

/**
 * Identifiers are compared whole: scheme, trust domain and path.
 *
 * @throws IdentifierError at once when a text is not an identifier
 * @throws TypeError for an empty list: it would mean nobody
 */
export function expectedPeerOf(setting: PeerSetting): ExpectedPeer {
  if (typeof setting === 'string') return WorkloadId.parse(setting)
  if (!Array.isArray(setting)) return setting as ExpectedPeer
  if (setting.length === 0) throw new TypeError('peer must name a workload')
  return setting.map((id: string | WorkloadId) => (typeof id === 'string' ? WorkloadId.parse(id) : id))
}
