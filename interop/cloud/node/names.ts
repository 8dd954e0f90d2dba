/**
 * Leads the clouds' names to ports of this machine, as `names.py` does: `CLOUD_PORTS` is a JSON object of both. Any other
 * name is refused, so that nothing here can ask a real cloud.
 */
import { Socket } from 'node:net'

interface Target {
  host?: string | null
  port?: number | string | null
  path?: string | null
}

const ports: Readonly<Record<string, number>> = JSON.parse(process.env['CLOUD_PORTS'] ?? '{}')
const connect = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket

Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
  // Node itself calls with a list of options and callback, others with the options.
  const target = (Array.isArray(args[0]) ? args[0][0] : args[0]) as Target
  const { host } = target
  if (typeof host === 'string' && Object.hasOwn(ports, host)) {
    target.port = ports[host] ?? null
    target.host = '127.0.0.1'
  } else if (typeof host === 'string' && host !== 'localhost' && host !== '127.0.0.1') {
    throw new Error(`this suite asks nobody beyond this machine: ${host}`)
  }
  return connect.apply(this, args)
} as typeof Socket.prototype.connect
