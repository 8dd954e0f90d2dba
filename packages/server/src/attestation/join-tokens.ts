import { hash } from 'node:crypto'
import type { JoinToken, NewJoinToken } from '@countersign/api'
import type { Clock, NodeAttestorHost } from '@countersign/plugin-kit'
import { type CryptoBackend, encodeBase64url, spiffeId } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import { AGENT_PATH } from '../registration/entry-parent.ts'
import type { JoinTokenStore } from '../store/join-token-store.ts'

const DEFAULT_TTL_SECONDS = 600
const TOKEN_BYTES = 32

export interface JoinTokensOptions {
  readonly tokens: JoinTokenStore
  readonly audit: Audit
  readonly clock: Clock
  readonly crypto: CryptoBackend
  readonly trustDomain: string
}

/** The tokens that one attestation shows. While it holds them nobody else gets them; what spends them is its success. */
export interface JoinTokenHold extends NodeAttestorHost {
  /** Hashes, for `NodeStore.recordAttested`. */
  readonly hashes: ReadonlySet<string>
  /** Of the public key that they are shown for. */
  readonly keyHash: string
  /** To be called however the attestation ends. */
  release(): void
}

/** Makes join tokens and lends each of them to one attestation at a time. */
export class JoinTokens {
  readonly #options: JoinTokensOptions
  readonly #held = new Set<string>()

  constructor(options: JoinTokensOptions) {
    this.#options = options
  }

  /**
   * Makes a token for one node.
   *
   * @throws IdentifierError when the path asked for is no valid identifier path
   */
  async create(request: NewJoinToken): Promise<JoinToken> {
    const { tokens, audit, clock, crypto, trustDomain } = this.#options
    const token = encodeBase64url(crypto.randomBytes(TOKEN_BYTES))
    const tokenHash = await this.#hash(token)
    const agentPath = request.agentPath ?? `/join-token/${tokenHash}`
    const agentId = spiffeId(trustDomain, `${AGENT_PATH}${agentPath}`).toString()
    const expiresAt = clock.now() + (request.ttl ?? DEFAULT_TTL_SECONDS)
    await tokens.create({ hash: tokenHash, agentPath, selectors: request.selectors ?? [], expiresAt })
    audit.joinTokenCreated({ tokenHash, agentId, expiresAt })
    return { token, agentId, expiresAt }
  }

  /**
   * For one attestation.
   *
   * @param publicKey as the node sent it
   */
  hold(publicKey: unknown): JoinTokenHold {
    const hashes = new Set<string>()
    const keyHash = hash('sha256', JSON.stringify(publicKey) ?? '')
    return {
      hashes,
      keyHash,
      redeemJoinToken: async (token) => {
        const tokenHash = await this.#hash(token)
        if (this.#held.has(tokenHash)) return undefined
        // Before the first await that follows, so that no other caller comes in between.
        this.#held.add(tokenHash)
        hashes.add(tokenHash)
        return this.#options.tokens.findFor(tokenHash, keyHash)
      },
      release: () => {
        for (const tokenHash of hashes) this.#held.delete(tokenHash)
        hashes.clear()
      },
    }
  }

  /** Looking up a hash leaks nothing by its timing that would help to guess a token. */
  async #hash(token: string): Promise<string> {
    return Buffer.from(await this.#options.crypto.sha256(token)).toString('hex')
  }
}
