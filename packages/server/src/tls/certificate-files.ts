import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Logger } from '@countersign/plugin-kit'
import { ServerError } from '../server-error.ts'
import type { TlsCredential, TlsCredentialSource } from './tls-credential.ts'

/** A certificate that someone else keeps fresh: read again when its files change. */
export class CertificateFiles implements TlsCredentialSource {
  readonly #certFile: string
  readonly #keyFile: string
  readonly #log: Logger
  #version = ''

  constructor(certFile: string, keyFile: string, log: Logger) {
    this.#certFile = certFile
    this.#keyFile = keyFile
    this.#log = log
  }

  /** @throws ServerError `ERR_SERVER_TLS_FILE` when a file cannot be read or the two do not fit */
  async load(): Promise<TlsCredential> {
    const version = await this.#readVersion()
    try {
      const [cert, key] = await Promise.all([readFile(this.#certFile, 'utf8'), readFile(this.#keyFile, 'utf8')])
      createSecureContext({ cert, key })
      this.#version = version
      return { cert, key }
    } catch (cause) {
      // OpenSSL's message names what does not fit, and never quotes the key.
      const detail = String((cause as NodeJS.ErrnoException).code ?? '')
      throw new ServerError('ERR_SERVER_TLS_FILE', 'certificate or key file cannot be used', { detail, cause })
    }
  }

  /** Files caught half written are tried again the next time; until then the credential before stays. */
  async renewIfDue(): Promise<TlsCredential | undefined> {
    if ((await this.#readVersion()) === this.#version) return undefined
    try {
      return await this.load()
    } catch (error) {
      if (!(error instanceof ServerError)) throw error
      this.#log.warn({ code: error.code, detail: error.detail }, 'changed certificate files cannot be used')
      return undefined
    }
  }

  async #readVersion(): Promise<string> {
    const stats = await Promise.all([this.#certFile, this.#keyFile].map((file) => stat(file).catch(() => undefined)))
    return stats.map((file) => `${file?.mtimeMs} ${file?.size} ${file?.ino}`).join('; ')
  }
}
