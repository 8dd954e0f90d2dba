/** What the demo's three services share: where they listen, and one line of JSON for each thing that happens. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'

const HOST = '127.0.0.1'

/** A setting from the environment; the demo gives each program its own. */
export function setting(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`environment variable ${name} is not set`)
  return value
}

export function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

export function listen(handler: RequestListener): void {
  const server = createServer({ maxHeaderSize: 65_536 }, handler)
  server.listen(Number(setting('PORT')), HOST, () => say({ event: 'ready', port: Number(setting('PORT')) }))
}

export async function readJson(request: IncomingMessage): Promise<unknown> {
  return JSON.parse(await text(request))
}
