/** What a TLS server shows: PEM, as node:tls wants it. */
export interface TlsCredential {
  /** PKCS#8. Secret. */
  readonly key: string
  /** Leaf first. */
  readonly cert: string
}

/** Where a listener's credential comes from. */
export interface TlsCredentialSource {
  /** The one to begin with. */
  load(): Promise<TlsCredential>
  /** A new one when it is time for it, else `undefined`. */
  renewIfDue(): Promise<TlsCredential | undefined>
}

export function encodeKeyPem(pkcs8: Uint8Array): string {
  const lines =
    Buffer.from(pkcs8)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}
