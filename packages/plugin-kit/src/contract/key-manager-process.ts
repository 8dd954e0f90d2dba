/**
 * A process with a key manager of its own, for the contract: it creates the keys it is told to, one a line, and answers each
 * with a line. Ends with its input.
 *
 *     node key-manager-process.js '{"module": "file:///…", "config": {}, "dataDir": "/…"}'
 */
import { createInterface } from 'node:readline'
import { errorCode } from '@countersign/protocol'
import { silentLogger } from '../logging/logger.ts'
import { systemClock } from '../plugin/clock.ts'
import type { PluginDescriptor } from '../plugin/define-plugin.ts'

const { module, config, dataDir, trustDomain } = JSON.parse(process.argv[2] ?? '')
const descriptor = ((await import(module)) as { default: PluginDescriptor<'key-manager'> }).default
const manager = descriptor.create(descriptor.parseConfig(config), {
  clock: systemClock,
  log: silentLogger,
  dataDir,
  trustDomain,
})
// Everything is open before the first task, so that processes told to race do.
await manager.listKeys()
answer({ ready: true })
for await (const name of createInterface({ input: process.stdin })) {
  try {
    const { publicJwk } = await manager.createKey(name, 'ES256')
    answer({ name, publicJwk })
  } catch (error) {
    answer({ name, code: errorCode(error) ?? String(error) })
  }
}
await manager.close?.()

function answer(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
