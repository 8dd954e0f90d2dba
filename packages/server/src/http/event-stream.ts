/** Server-sent events: an answer that stays open. WHATWG HTML section 9.2. */
import type { ServerResponse } from 'node:http'

/** Where events go: the response of one request. */
export interface EventSink {
  /** @returns false when the peer does not keep up: write nothing more until `onDrain` is called */
  write(text: string): boolean
  onDrain(run: () => void): void
  end(): void
}

export function openEventStream(response: ServerResponse): EventSink {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // Proxies that collect answers before passing them on would hold events back.
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
  response.on('error', () => response.destroy())
  return {
    write: (text) => response.destroyed || response.write(text),
    onDrain: (run) => response.on('drain', run),
    end: () => {
      response.end()
      // A peer that does not read would keep the connection, and with it a stopping server, open.
      response.socket?.destroySoon()
    },
  }
}
