import type { PublicJwk } from '@countersign/protocol'

/** A CA of the server's that is to be signed from above. */
export interface CaRequest {
  /** PKCS #10, DER: proof of the key, and all that the certificate should say. */
  readonly csr: Uint8Array
  /** Of the request's key: SubjectPublicKeyInfo, DER. */
  readonly publicKeySpki: Uint8Array
  /** SPIFFE trust domain that the CA signs for. */
  readonly trustDomain: string
  /** How long it should live; the upstream may say less. Seconds. */
  readonly lifetimeSeconds: number
}

export interface IssuedCa {
  /** DER: the CA's own certificate, then what leads up to a root, without the root. */
  readonly chain: readonly Uint8Array[]
  /** DER: the roots to be published; one of them is above the chain. */
  readonly roots: readonly Uint8Array[]
}

/** What is believed above, as known at this moment. */
export interface UpstreamBundle {
  /** DER. */
  readonly roots: readonly Uint8Array[]
  /** Those roots, or CAs below them, under which nothing new is to be signed, and everything is to be replaced. */
  readonly taintedRoots: readonly Uint8Array[]
  /** Keys of the whole trust domain, each with `kid`; empty unless `publishTokenKeys` is there. */
  readonly jwtAuthorities: readonly PublicJwk[]
  readonly witAuthorities: readonly PublicJwk[]
}

/** A key that signs tokens, to be known in the whole trust domain. */
export interface TokenKey {
  readonly kind: 'jwt' | 'wit'
  /** With `kid`. */
  readonly publicJwk: PublicJwk
  /** Epoch seconds: nothing it signed is valid after that. */
  readonly notAfter: number
}

/**
 * Signs a server's certificate authorities, so that they lead up to roots which others hold already.
 *
 * - What comes back is verified by the server, whoever made it; a plugin need not be believed.
 * - Every call may fail, and is tried again later: a server goes on with the CA it has until that ends. Errors say whether
 *   the upstream was away (`ERR_UPSTREAM_AUTHORITY_UNREACHABLE`), said no (`…_REFUSED`), or cannot be used as configured.
 * - Calls may overlap. None takes longer than half a minute.
 */
export interface UpstreamAuthority {
  /** @throws UpstreamAuthorityError; nothing secret is in it */
  issueCa(request: CaRequest): Promise<IssuedCa>
  /**
   * Asked every few seconds: changes of the upstream are noticed by this alone.
   *
   * @throws UpstreamAuthorityError
   */
  readBundle(): Promise<UpstreamBundle>
  /**
   * Only of an upstream that serves the same trust domain: then its bundle is the trust domain's, and a root it leaves out is
   * published no more. Makes these keys known there.
   *
   * @param keys all of this server, and of those below it. One published before and not named now is withdrawn, where the
   *   upstream can
   * @throws UpstreamAuthorityError
   */
  readonly publishTokenKeys?: ((keys: readonly TokenKey[]) => Promise<void>) | undefined
  /** Ends connections. */
  close(): Promise<void>
}
