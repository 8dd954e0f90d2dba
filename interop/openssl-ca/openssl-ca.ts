import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Processes } from '../support/processes.ts'

const TIMEOUT_MS = 20_000
let count = 0

/** A certificate authority that somebody keeps with nothing but the `openssl` command. */
export class OpensslCa {
  readonly #processes: Processes
  readonly #folder: string
  readonly #path: string

  private constructor(processes: Processes, folder: string) {
    this.#processes = processes
    this.#folder = folder
    this.#path = join(folder, `ca-${++count}`)
  }

  static async root(processes: Processes, folder: string, name: string): Promise<OpensslCa> {
    const ca = new OpensslCa(processes, folder)
    await ca.#makeKey()
    const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
    const args = ['req', '-x509', '-new', '-key', ca.#keyFile, '-subj', `/O=Company/CN=${name}`, '-days', '30']
    await ca.openssl(...args, ...extensions.flatMap((each) => ['-addext', each]), '-out', ca.certificateFile)
    return ca
  }

  get certificateFile(): string {
    return `${this.#path}.pem`
  }

  get #keyFile(): string {
    return `${this.#path}.key`
  }

  /** A CA below this one. @param altName its SPIFFE ID */
  async below(name: string, altName: string): Promise<OpensslCa> {
    const ca = new OpensslCa(this.#processes, this.#folder)
    await ca.#makeKey()
    const csr = `${ca.#path}.csr`
    await ca.openssl('req', '-new', '-key', ca.#keyFile, '-subj', `/O=Company/CN=${name}`, '-out', csr)
    const usage = ['basicConstraints=critical,CA:TRUE,pathlen:1', 'keyUsage=critical,keyCertSign,cRLSign']
    const signed = await this.sign(csr, [...usage, 'subjectKeyIdentifier=hash', `subjectAltName=${altName}`])
    writeFileSync(ca.certificateFile, readFileSync(signed))
    return ca
  }

  /** Signs a request with these extensions and no others. @returns the certificate's file */
  async sign(csr: string, extensions: readonly string[]): Promise<string> {
    const name = `${this.#path}-${++count}`
    writeFileSync(`${name}.ext`, [...extensions, 'authorityKeyIdentifier=keyid'].join('\n'))
    const issuer = ['-CA', this.certificateFile, '-CAkey', this.#keyFile, '-days', '7', '-set_serial', `0x${count}abc`]
    await this.openssl('x509', '-req', '-in', csr, ...issuer, '-extfile', `${name}.ext`, '-out', `${name}.pem`)
    return `${name}.pem`
  }

  /** A file with a certificate and this CA's after it. */
  chainFile(certificate: string): string {
    const path = `${certificate}.chain`
    writeFileSync(path, readFileSync(certificate, 'utf8') + readFileSync(this.certificateFile, 'utf8'))
    return path
  }

  /** @throws Error with what it said */
  async openssl(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#processes.run('openssl', args, { timeoutMs: TIMEOUT_MS })
    if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`)
    return stdout + stderr
  }

  async #makeKey(): Promise<void> {
    await this.openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', this.#keyFile)
  }
}
