/** What an agent begins with: the state of its earlier runs, without asking anyone. */
import type { AgentStatus, SyncState } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { AgentError } from '../agent-error.ts'
import { newerBundle, readBootstrapBundle } from '../attestation/bootstrap-bundle.ts'
import { verifyOwn } from '../attestation/node-attestation.ts'
import type { OwnTrust } from '../attestation/own-trust.ts'
import type { AgentConfig } from '../config/agent-config.ts'
import type { AgentIdentity } from './agent-identity.ts'
import type { AgentState } from './agent-state.ts'
import { applySync, type SyncTarget } from './apply-sync.ts'
import { CredentialKeeper, type CredentialKeeperOptions } from './credential-keeper.ts'
import { SealedCredentials } from './sealed-credentials.ts'
import type { StateStore } from './state-store.ts'

/**
 * Serves what the server said last, in an earlier run, with the bundle that is trusted now: an operator may know better.
 *
 * @returns the server's own word, to go on from
 */
export async function resumeView(
  config: AgentConfig,
  store: StateStore,
  target: SyncTarget,
  agentId: string,
): Promise<SyncState | undefined> {
  const stored = await store.loadSync()
  if (stored === undefined || stored.trustDomain !== config.trustDomain) return undefined
  const { trust, log } = target
  const trusted = trust.document
  const bundles = stored.bundles.map((each) => (each.trustDomain === trusted?.trustDomain ? trusted : each))
  // What is tainted is heard again from the server, when there can be another in its place.
  const { tainted: _, ...sync } = stored
  applySync(target, agentId, { ...sync, bundles })
  log.info(
    { revision: stored.revision, entries: target.state.view.entries.entries.length },
    'serving from stored state',
  )
  return stored
}

/**
 * Serves again the credentials of an earlier run, and keeps those of this one. A key to them that cannot be used keeps no
 * agent from serving what it gets from the server.
 */
export async function resumeCredentials(
  { dataDir, seal, trustDomain }: AgentConfig,
  { view }: AgentState,
  options: Omit<CredentialKeeperOptions, 'sealed'>,
): Promise<ResumedCredentials> {
  const { log, agentId } = options
  if (!seal.enabled) {
    await SealedCredentials.discard(dataDir).catch((error: NodeJS.ErrnoException) => {
      log.error({ reason: error.code }, 'stored credentials could not be removed')
    })
    return { status: () => undefined }
  }
  try {
    const keeper = new CredentialKeeper({
      ...options,
      sealed: await SealedCredentials.open(dataDir, seal.keyFile, log),
    })
    const [owner, own] = [agentId(), view.bundles.get(trustDomain)]
    if (owner !== undefined && own !== undefined) {
      await keeper.restore(owner, own, new Set(view.entries.entries.map(({ id }) => id)))
    }
    return { keeper, status: () => keeper.status }
  } catch (error) {
    const { code, detail, message } = error as AgentError
    log.error({ code, detail }, 'credentials are not kept, a restart without the server would begin without them')
    return { status: () => ({ trouble: `${message} (${code}): ${detail}` }) }
  }
}

export interface ResumedCredentials {
  readonly keeper?: CredentialKeeper
  readonly status: () => AgentStatus['durable']
}

/** @throws AgentError `ERR_AGENT_BOOTSTRAP_BUNDLE` when the agent would not know whom to believe */
export async function resumeTrust(config: AgentConfig, store: StateStore, trust: OwnTrust): Promise<void> {
  const stored = await store.loadBundle()
  const provided =
    config.bootstrapBundle === undefined
      ? undefined
      : await readBootstrapBundle(config.bootstrapBundle, config.trustDomain).catch((error: unknown) => {
          // An agent that has met its server does without the file, which may be gone by now.
          if (stored === undefined) throw error
          return undefined
        })
  const bundle = newerBundle(stored?.trustDomain === config.trustDomain ? stored : undefined, provided)
  if (bundle === undefined) {
    throw new AgentError('ERR_AGENT_BOOTSTRAP_BUNDLE', 'agent knows no server to trust: set "bootstrapBundle"')
  }
  trust.replace(bundle)
}

/** Who the agent was in an earlier run, and its identity if that can still be used. */
export async function resumeIdentity(
  store: StateStore,
  trust: OwnTrust,
  clock: Clock,
  log: Logger,
): Promise<{ readonly agentId?: string; readonly identity?: AgentIdentity }> {
  const identity = await store.loadIdentity()
  if (identity === undefined) return {}
  const { agentId, expiresAt } = identity
  if (!agentId.startsWith(`spiffe://${trust.trustDomain}/`)) return {}
  if (expiresAt <= clock.now()) {
    log.warn({ agentId, expiresAt }, 'stored identity has expired, the agent attests anew')
    return { agentId }
  }
  try {
    const { id } = await verifyOwn(identity.chain, trust, clock.now())
    if (id === agentId) return { agentId, identity }
    log.error({ agentId }, 'stored identity is under another name and not used')
    return {}
  } catch (error) {
    log.warn({ agentId, code: (error as AgentError).code }, 'stored identity is not used any more')
    return { agentId }
  }
}
