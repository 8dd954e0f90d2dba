import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodePem, encodePem } from '@countersign/protocol'
import { check } from '../spire/scene.ts'
import { until } from '../spire/until.ts'
import type { Scene } from './scene.ts'

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/countersign.js', import.meta.url))
const PATIENCE_MS = 60_000
const TIMEOUT_MS = 30_000

/** OpenSSL, which knows neither of us, verifies what our agent hands out by SPIRE's root alone. */
export async function checkCertificates(scene: Scene): Promise<void> {
  const { context, ours, spire, folder } = scene
  const node = join(folder, 'certificate-node')
  await copyFile(process.execPath, node)
  const spiffeId = `spiffe://${ours.name}/certificate`
  await ours.register({ spiffeId, selectors: [{ type: 'unix', value: `path:${node}` }] })
  await check(scene, "openssl verifies our SVID by SPIRE's root, and not without our CA", async () => {
    const args = [COMMAND, 'x509', 'fetch', '--socket', ours.endpointSocket, '--write', folder]
    await until('identity', PATIENCE_MS, async () => {
      const { exitCode } = await context.processes.run(node, args, { timeoutMs: TIMEOUT_MS })
      return exitCode === 0 || undefined
    })
    const [leaf = new Uint8Array(), ...above] = decodePem(await readFile(join(folder, 'svid.pem'), 'utf8'))
    const write = async (name: string, text: string) => {
      await writeFile(join(folder, name), text)
      return join(folder, name)
    }
    const files = {
      roots: await write('spire-roots.pem', await spire.command('bundle', 'show')),
      leaf: await write('leaf.pem', encodePem([leaf])),
      above: await write('above.pem', encodePem(above)),
    }
    const verify = (...untrusted: string[]) =>
      context.processes.run('openssl', ['verify', '-x509_strict', '-CAfile', files.roots, ...untrusted, files.leaf], {
        timeoutMs: TIMEOUT_MS,
      })
    const good = await verify('-untrusted', files.above)
    const bad = await verify()
    const ok = above.length === 1 && good.exitCode === 0 && bad.exitCode !== 0
    return { ok, detail: `${above.length} intermediate, ${good.stdout.trim()} ${good.stderr.trim()}` }
  })
}
