import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
]
const found = MODULES.find((path) => existsSync(path))

/** Why tests with a token cannot run here; `undefined` when they can. */
export const noSoftToken: string | undefined =
  found !== undefined && spawnSync('softhsm2-util', ['--version']).status === 0
    ? undefined
    : 'SoftHSM 2 is not installed; it is in `interop/run.ts softhsm`'

export const PIN = '9f4e-pin'

/** A folder with tokens of its own, which this process and its children use from now on. SoftHSM reads where from its environment. */
export class SoftToken {
  readonly module = found ?? ''
  readonly folder = mkdtempSync(join(tmpdir(), 'soft-token-'))
  readonly label = 'signing'
  readonly pinFile = join(this.folder, 'pin')

  constructor() {
    const tokens = join(this.folder, 'tokens')
    mkdirSync(tokens)
    const conf = join(this.folder, 'softhsm2.conf')
    writeFileSync(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
    writeFileSync(this.pinFile, `${PIN}\n`, { mode: 0o600 })
    process.env['SOFTHSM2_CONF'] = conf
    this.initialize(this.label)
  }

  /** Makes one more token. */
  initialize(label: string): void {
    const pins = ['--pin', PIN, '--so-pin', `so-${PIN}`]
    const { status, stderr } = spawnSync('softhsm2-util', ['--init-token', '--free', '--label', label, ...pins])
    if (status !== 0) throw new Error(`softhsm2-util failed: ${stderr}`)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}
