import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { ANSWER } from './orders-service.ts'

const WORKERS = 4
const PAUSE_MS = 20
const TIMEOUT_MS = 10_000

export interface Answer {
  /** 0 when there was no answer. */
  readonly status: number
  /** Content, or what went wrong. */
  readonly text: string
}

/** One request to a port of this host. */
export function ask(port: number, agent?: Agent): Promise<Answer> {
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ status: 0, text: error.message })
    const options = { host: '127.0.0.1', port, path: '/orders', timeout: TIMEOUT_MS, agent: agent ?? false }
    const call = request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('error', fail)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: String(Buffer.concat(chunks)) }))
    })
    call.on('timeout', () => call.destroy(new Error('no answer')))
    call.on('error', fail)
    call.end()
  })
}

export interface Traffic {
  readonly requests: () => number
  readonly failures: readonly string[]
  /** Resolves when the last request is answered. */
  readonly stop: () => Promise<void>
}

/** Requests without a break, a few at a time, until it is stopped. */
export function startTraffic(port: number): Traffic {
  const agent = new Agent({ keepAlive: true, maxSockets: WORKERS })
  const failures: string[] = []
  let requests = 0
  let running = true
  const work = async () => {
    while (running) {
      const { status, text } = await ask(port, agent)
      requests += 1
      if (status !== 200 || text !== ANSWER) failures.push(`request ${requests}: ${status} ${text}`)
      await pause(PAUSE_MS)
    }
  }
  const workers = Array.from({ length: WORKERS }, work)
  return {
    requests: () => requests,
    failures,
    async stop() {
      running = false
      await Promise.all(workers)
      agent.destroy()
    },
  }
}
