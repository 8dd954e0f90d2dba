import type { NextStep, TrustDomainBundle } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { isNewer, readBootstrapBundle } from './bootstrap-bundle.ts'
import type { OwnTrust } from './own-trust.ts'

export interface TrustRecoveryOptions {
  /** Where the operator puts a bundle, if anywhere. */
  readonly path: string | undefined
  readonly trust: OwnTrust
  readonly save: (bundle: TrustDomainBundle) => Promise<void>
  /** Another bundle is trusted now. */
  readonly onReplaced: () => void
  readonly log: Logger
}

const SHOW_BUNDLE = ['countersign', 'bundle', 'show', '--format', 'spiffe']

/**
 * Regains trust in a server whose certificate can no longer be verified, as after years in a drawer: all authorities that
 * the agent knows have been replaced meanwhile.
 *
 * Only the operator's word helps, the file of `bootstrapBundle`, and only one that is newer than what the agent has: nothing
 * that comes from the network vouches for itself, and an old file must not bring back a root that was withdrawn.
 */
export class TrustRecovery {
  readonly #options: TrustRecoveryOptions

  constructor(options: TrustRecoveryOptions) {
    this.#options = options
  }

  /** @returns what the operator has to do; `undefined` when another bundle was taken up */
  async attempt(): Promise<NextStep | undefined> {
    const { path, trust, save, onReplaced, log } = this.#options
    const known = trust.bundle
    if (path === undefined) {
      const say =
        'the agent knows none of the keys that the server has now: write its bundle to a file, name that in "bootstrapBundle" and start the agent again'
      return { say, command: SHOW_BUNDLE }
    }
    const provided = await readBootstrapBundle(path, trust.trustDomain).catch((error) => {
      log.debug({ code: errorCode(error), path }, 'bootstrap bundle cannot be read now')
      return undefined
    })
    if (provided === undefined || !isNewer(provided, known?.sequence)) {
      const say = `the agent knows none of the keys that the server has now: write its bundle, newer than number ${known?.sequence ?? 0}, to ${path}; the agent finds it by itself`
      return { say, command: SHOW_BUNDLE }
    }
    trust.replace(provided)
    onReplaced()
    await save(provided).catch((error: NodeJS.ErrnoException) => {
      log.error({ reason: error.code }, 'state cannot be written, a restart would begin with older state')
    })
    log.warn({ path, sequence: provided.bundle.spiffe_sequence }, 'took up the newer bundle that the operator provided')
    return undefined
  }
}
