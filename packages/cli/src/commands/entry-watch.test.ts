import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const EVENT = {
  ...{ change: 'created', revision: 8, at: 1_795_384_800, id: 'e-1', spiffeId: 'spiffe://example.org/team-a/web' },
  entry: { parentId: 'spiffe://example.org/countersign/agent/node-1' },
}
const text = (name: string, id: number, data: object) => `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`

/** In a text: its connection is ended in good order. */
const END = ': end\n'

/** Gives each connection in turn its text, then breaks it; the last one stays open until the command is interrupted. */
async function watch(args: readonly string[], ...answers: readonly string[]) {
  const urls: string[] = []
  let interrupt = () => {}
  const server = createServer((request, response: ServerResponse) => {
    urls.push(request.url ?? '')
    const answer = answers[urls.length - 1] ?? ''
    if (!answer.startsWith('event') && !answer.startsWith('retry')) {
      response.writeHead(400, { 'content-type': 'application/problem+json' }).end(answer)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`retry: 1\n${answer}`, () => {
      if (urls.length < answers.length) response[answer.includes(END) ? 'end' : 'destroy']()
      else setImmediate(() => interrupt())
    })
  })
  const socketPath = join(await temporaryFolder(), 'admin.sock')
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const signals = {
    onTerminate: (handler: () => void) => {
      interrupt = () => setTimeout(handler, 50)
      return () => {}
    },
    exitNow: () => {},
  }
  const result = await runCli(['entry', 'watch', '--admin-socket', socketPath, ...args], { signals })
  return { ...result, urls }
}

describe('entry watch', () => {
  it('says nothing of a connection that the server ends in good order, and goes on', async () => {
    const { stdout, stderr, urls } = await watch(
      ['--output', 'json'],
      `${text('mark', 7, { revision: 7 })}${END}`,
      text('mark', 9, { revision: 9 }),
    )
    expect([stdout.split('\n').length, stderr]).toEqual([3, ''])
    expect(urls[1]).toBe('/v1/entries/events?after=7')
  })

  it('prints one line for each change, and goes on where the connection broke', async () => {
    const { code, stdout, stderr, urls } = await watch(
      ['--id', 'spiffe://example.org/team-a'],
      text('mark', 7, { revision: 7 }) + text('change', 8, EVENT),
      text('mark', 8, { revision: 8 }) + text('resync', 90, { revision: 90 }) + text('other', 1, {}),
    )
    expect(stdout.split('\n')).toEqual([
      '2026-11-22T22:00:00Z  created  spiffe://example.org/team-a/web  on spiffe://example.org/countersign/agent/node-1  (entry e-1, revision 8)',
      'changes until revision 90 are not known any more: list the entries anew',
      '',
    ])
    expect(stderr).toContain('trying again')
    expect(code).toBe(0)
    const below = 'below=spiffe%3A%2F%2Fexample.org%2Fteam-a'
    expect(urls).toEqual([`/v1/entries/events?${below}`, `/v1/entries/events?after=8&${below}`])
  })

  it('prints JSON lines, marks too, so that a reader knows how far it is', async () => {
    const { stdout, urls } = await watch(
      ['--after', '5', '--output', 'json'],
      text('mark', 5, { revision: 5 }) + text('change', 8, EVENT),
    )
    const lines = stdout.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { event: 'mark', revision: 5 },
      { event: 'change', ...EVENT },
    ])
    expect(urls).toEqual(['/v1/entries/events?after=5'])
  })

  it('keeps what the server says away from the terminal', async () => {
    const evil = { ...EVENT, spiffeId: 'spiffe://example.org/\u001b[2Jx' }
    const { stdout } = await watch([], text('change', 8, evil))
    expect(stdout).not.toContain('\u001b')
  })

  it('ends with the reason when it cannot be opened, or is refused', async () => {
    const missing = await runCli(['entry', 'watch', '--admin-socket', '/nonexistent/admin.sock'])
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('ERR_ADMIN_SOCKET_MISSING')])
    const problem = JSON.stringify({ type: 'about:blank', title: 'no', status: 400, code: 'ERR_HTTP_INVALID' })
    const refused = await watch([], problem)
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('ERR_HTTP_INVALID')])
    const later = await watch([], text('mark', 5, { revision: 5 }), problem)
    expect([later.code, later.urls.length]).toEqual([1, 2])
  })

  it.each([
    ['--after', 'x'],
    ['--after', '-1'],
    ['--id', 'team-a'],
  ])('calls %s %s a usage error', async (...args) => {
    expect((await runCli(['entry', 'watch', ...args])).code).toBe(2)
  })
})
