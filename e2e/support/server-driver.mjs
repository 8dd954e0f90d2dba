/**
 * The real server in a process of its own, without the command line around it: starts fast, and can be told to die, or to have
 * another time, at a chosen point. Prints one line of JSON when it is ready; its log goes to standard error.
 *
 * usage: server-driver.mjs '{"config":"server.yaml","clockOffset":0,"dieAt":{"call":"createKey","when":"after"}}'
 */
import { createLogger, systemClock } from '@countersign/plugin-kit'
import { loadServerConfig, startServer } from '@countersign/server'

const options = JSON.parse(process.argv[2] ?? '{}')
const { dieAt, clockOffset = 0 } = options

/** As a power cut: nothing runs after it, no buffer is written. */
const die = () => process.kill(process.pid, 'SIGKILL')
const dieIf = (call, when, turn) => {
  if (dieAt?.call === call && dieAt.when === when && turn > (dieAt.after ?? 0)) die()
}

const turns = new Map()
/** Dies before or after a call to the key manager. */
function watched(keyManager) {
  return new Proxy(keyManager, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return async (...args) => {
        const turn = (turns.get(name) ?? 0) + 1
        turns.set(name, turn)
        if (isArmed) dieIf(name, 'before', turn)
        const result = await value.apply(target, args)
        if (isArmed) dieIf(name, 'after', turn)
        return result
      }
    },
  })
}

/** Dies when a change of an authority's state is reported: it is durable, and nobody was answered yet. */
function watchedLog(log) {
  const write = (level) => (fields, message) => {
    if (isArmed && fields.event === 'authority.changed' && fields.state === dieAt?.state) die()
    log[level](fields, message)
  }
  const [debug, info, warn, error] = ['debug', 'info', 'warn', 'error'].map(write)
  return { debug, info, warn, error, child: (fields) => watchedLog(log.child(fields)) }
}

let isArmed = dieAt?.atStart === true
const config = await loadServerConfig(options.config)
const create = config.plugins.keyManager
const plugins = { ...config.plugins, keyManager: (context) => watched(create(context)) }
const clock = { now: () => systemClock.now() + clockOffset, schedule: systemClock.schedule }
const log = watchedLog(createLogger({ ...config.log, fields: { program: 'server' } }))
const server = await startServer({ ...config, plugins }, { log, clock })
turns.clear()
isArmed = true
const { machineUrl, publicUrl, adminSocket } = server
process.stdout.write(`${JSON.stringify({ machineUrl, publicUrl, adminSocket })}\n`)
process.once('SIGTERM', () => server.stop().then(() => process.exit(0)))
