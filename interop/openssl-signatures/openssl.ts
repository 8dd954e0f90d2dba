import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MlDsaAlgorithm, SignatureAlgorithm, TokenAlgorithm } from '@countersign/protocol'
import type { Processes } from '../support/processes.ts'
import { fromDer, toDer } from './p1363.ts'

const TIMEOUT_MS = 20_000

/** How one algorithm is asked for. */
interface Usage {
  /** Words for `dgst`; absent for algorithms that hash by themselves and are reached by `pkeyutl -rawin`. */
  readonly digest?: readonly string[]
  readonly pss?: boolean
  /** Bytes of a coordinate, for ECDSA. */
  readonly coordinate?: number
}

const USAGES: Readonly<Record<SignatureAlgorithm | MlDsaAlgorithm, Usage>> = {
  ES256: { digest: ['-sha256'], coordinate: 32 },
  ES384: { digest: ['-sha384'], coordinate: 48 },
  ES512: { digest: ['-sha512'], coordinate: 66 },
  EdDSA: {},
  Ed25519: {},
  RS256: { digest: ['-sha256'] },
  RS384: { digest: ['-sha384'] },
  RS512: { digest: ['-sha512'] },
  PS256: { digest: ['-sha256'], pss: true },
  PS384: { digest: ['-sha384'], pss: true },
  PS512: { digest: ['-sha512'], pss: true },
  'ML-DSA-44': {},
  'ML-DSA-65': {},
  'ML-DSA-87': {},
}

/** The `openssl` command, with one key pair and one algorithm. */
export class OpensslKey {
  readonly #processes: Processes
  readonly #folder: string
  readonly #usage: Usage
  #calls = 0

  private constructor(processes: Processes, folder: string, alg: TokenAlgorithm) {
    this.#processes = processes
    this.#folder = folder
    this.#usage = USAGES[alg]
  }

  static async create(
    processes: Processes,
    folder: string,
    alg: TokenAlgorithm,
    pem: { readonly privateKey: string; readonly publicKey: string },
  ): Promise<OpensslKey> {
    await writeFile(join(folder, 'key.pem'), pem.privateKey, { mode: 0o600 })
    await writeFile(join(folder, 'pub.pem'), pem.publicKey)
    return new OpensslKey(processes, folder, alg)
  }

  /** @param salt for PSS: what `rsa_pss_saltlen` takes */
  async sign(data: Uint8Array, salt = 'digest'): Promise<Uint8Array> {
    const [message, output] = [await this.#write('message', data), this.#path('signature')]
    const { digest } = this.#usage
    const key = join(this.#folder, 'key.pem')
    const args =
      digest === undefined
        ? ['pkeyutl', '-sign', '-inkey', key, '-rawin', '-in', message, '-out', output]
        : ['dgst', ...digest, ...this.#padding(salt), '-sign', key, '-out', output, message]
    const { exitCode, stderr } = await this.#processes.run('openssl', args, { timeoutMs: TIMEOUT_MS })
    if (exitCode !== 0) throw new Error(`openssl did not sign: ${stderr}`)
    const signature = new Uint8Array(await readFile(output))
    return this.#usage.coordinate === undefined ? signature : fromDer(signature, this.#usage.coordinate)
  }

  async verify(data: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const encoded = this.#usage.coordinate === undefined ? signature : toDer(signature)
    const [message, file] = [await this.#write('message', data), await this.#write('signature', encoded)]
    const { digest } = this.#usage
    const key = join(this.#folder, 'pub.pem')
    const args =
      digest === undefined
        ? ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin', '-in', message, '-sigfile', file]
        : ['dgst', ...digest, ...this.#padding('digest'), '-verify', key, '-signature', file, message]
    const { exitCode, stdout, stderr } = await this.#processes.run('openssl', args, { timeoutMs: TIMEOUT_MS })
    if (exitCode === 0) return true
    // A command that could not be carried out is no verdict.
    if (/unknown option|No such file|Could not (?:open|read)/i.test(stderr)) throw new Error(`openssl: ${stderr}`)
    if (exitCode === 1 || /failure/i.test(stdout)) return false
    throw new Error(`openssl ended with ${exitCode}: ${stderr}`)
  }

  #padding(salt: string): readonly string[] {
    if (this.#usage.pss !== true) return []
    return ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', `rsa_pss_saltlen:${salt}`]
  }

  async #write(name: string, bytes: Uint8Array): Promise<string> {
    const path = this.#path(name)
    await writeFile(path, bytes)
    return path
  }

  #path(name: string): string {
    this.#calls += 1
    return join(this.#folder, `${name}-${this.#calls}`)
  }
}
