import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Processes } from '../support/processes.ts'

const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
]
const TIMEOUT_MS = 20_000
const LABEL = 'trust-domain'
const PIN = '4c1d-2e8f'

/** A token of SoftHSM in a folder of its own, looked at with OpenSC's `pkcs11-tool`: neither is ours. */
export class SoftToken {
  readonly #processes: Processes
  readonly #env: Readonly<Record<string, string>>
  /** As `keyManager` in the server's configuration. */
  readonly keyManager: object

  private constructor(processes: Processes, env: Readonly<Record<string, string>>, keyManager: object) {
    this.#processes = processes
    this.#env = env
    this.keyManager = keyManager
  }

  /** SoftHSM finds its tokens by the environment, which the server that is started later has from this process. */
  static async create(processes: Processes, folder: string): Promise<SoftToken> {
    const [tokens, conf, pinFile] = [join(folder, 'tokens'), join(folder, 'softhsm2.conf'), join(folder, 'pin')]
    await mkdir(tokens)
    await writeFile(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
    await writeFile(pinFile, `${PIN}\n`, { mode: 0o600 })
    const module = SoftToken.module()
    const config = { module, tokenLabel: LABEL, pinFile }
    const token = new SoftToken(processes, { SOFTHSM2_CONF: conf }, { name: 'pkcs11', config })
    process.env['SOFTHSM2_CONF'] = conf
    const pins = ['--pin', PIN, '--so-pin', `so-${PIN}`]
    const { exitCode, stderr } = await token.#run('softhsm2-util', [
      '--init-token',
      '--free',
      '--label',
      LABEL,
      ...pins,
    ])
    if (exitCode !== 0) throw new Error(`softhsm2-util failed: ${stderr}`)
    return token
  }

  static module(): string | undefined {
    return MODULES.find((path) => existsSync(path))
  }

  /** What pkcs11-tool says of the private key of a label; empty when there is none. */
  async privateKey(label: string): Promise<string> {
    const { stdout } = await this.#tool(['--list-objects', '--type', 'privkey', '--label', label])
    return stdout
  }

  #tool(args: readonly string[]) {
    const { config } = this.keyManager as { config: { module: string } }
    const login = ['--token-label', LABEL, '--login', '--pin', PIN]
    return this.#run('pkcs11-tool', ['--module', config.module, ...login, ...args])
  }

  #run(command: string, args: readonly string[]) {
    return this.#processes.run(command, args, { env: this.#env, timeoutMs: TIMEOUT_MS })
  }
}
