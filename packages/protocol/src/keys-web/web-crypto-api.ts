import { KeyError } from '../keys/key-error.ts'

/** A key that the runtime holds. Opaque. */
export interface WebKey {
  readonly type: string
}

export interface WebKeyPair {
  readonly publicKey: WebKey
  readonly privateKey: WebKey
}

/** Parameters of an operation, by the names of the Web Cryptography API. */
export type WebAlgorithm = Readonly<Record<string, string | number | Uint8Array | object>>

/**
 * The part of the Web Cryptography API that is used here, so that this package compiles without any runtime's own types.
 *
 * @see Web Cryptography API, section 14
 */
export interface WebCryptoApi {
  readonly subtle: {
    importKey(
      format: string,
      data: object,
      algorithm: WebAlgorithm,
      extractable: boolean,
      usages: readonly string[],
    ): Promise<WebKey>
    exportKey(format: string, key: WebKey): Promise<unknown>
    generateKey(algorithm: WebAlgorithm, extractable: boolean, usages: readonly string[]): Promise<unknown>
    sign(algorithm: WebAlgorithm, key: WebKey, data: Uint8Array): Promise<ArrayBuffer>
    verify(algorithm: WebAlgorithm, key: WebKey, signature: Uint8Array, data: Uint8Array): Promise<boolean>
    digest(algorithm: string, data: Uint8Array): Promise<ArrayBuffer>
  }
  getRandomValues(bytes: Uint8Array): unknown
}

/**
 * The runtime's own cryptography. Looked up at each use, so that importing this module needs nothing.
 *
 * @throws KeyError `ERR_KEY_RUNTIME` where there is none: a page that was not loaded over HTTPS has no `subtle`
 */
export function runtimeCrypto(): WebCryptoApi {
  const { crypto } = globalThis as unknown as { crypto?: Partial<WebCryptoApi> }
  if (crypto?.subtle === undefined || crypto.getRandomValues === undefined) {
    throw new KeyError('ERR_KEY_RUNTIME', 'runtime has no Web Cryptography API')
  }
  return crypto as WebCryptoApi
}

/** Runtimes say in this one way that they do not have an algorithm. @see Web IDL, section 2.8.1 */
export function isUnsupportedByRuntime(error: unknown): boolean {
  return (error as { readonly name?: unknown } | null)?.name === 'NotSupportedError'
}
