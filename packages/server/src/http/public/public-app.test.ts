import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSpiffeBundle } from '@countersign/protocol'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { callHttps } from '../../test-support/http-call.ts'
import { refusal } from '../../test-support/machine-requests.ts'
import { temporaryFolder } from '../../test-support/temporary-folder.ts'
import { startTestServer } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

describe('public listener', () => {
  const clock = () => new FakeClock(Math.floor(Date.now() / 1000))

  it('serves the bundle and keys under its own web root, with caching', async () => {
    const { server, dataDir } = await startTestServer({ clock: clock() })
    const ca = await readFile(join(dataDir, 'public-root.pem'), 'utf8')
    expect(statSync(join(dataDir, 'public-root-key.pem')).mode & 0o777).toBe(0o600)
    const bundle = await callHttps(`${server.publicUrl}/bundle`, { ca })
    expect(bundle.status).toBe(200)
    expect(bundle.headers['content-type']).toMatch(/^application\/json/)
    expect(bundle.headers['cache-control']).toBe('public, max-age=60')
    const parsed = parseSpiffeBundle('example.org', bundle.body)
    expect(parsed.x509Authorities).toHaveLength(1)
    expect(parsed.sequence).toBeGreaterThan(0)
    expect(bundle.headers['etag']).toBe(`"${parsed.sequence}"`)
    const again = await callHttps(`${server.publicUrl}/bundle`, {
      ca,
      headers: { 'if-none-match': `"0", W/"${parsed.sequence}"` },
    })
    expect({ status: again.status, text: again.text }).toEqual({ status: 304, text: '' })
    const keys = await callHttps(`${server.publicUrl}/keys`, { ca })
    expect(keys.body.keys).toEqual([expect.objectContaining({ use: 'sig', kid: parsed.jwtAuthorities[0]?.kid })])
  })

  it('serves the bundle without WIT-SVID keys to those that would refuse it for them', async () => {
    const { server } = await startTestServer({ clock: clock() })
    const { keys: all, ...members } = (await callHttps(`${server.publicUrl}/bundle`)).body
    const { keys, ...others } = (await callHttps(`${server.publicUrl}/bundle/x509-jwt`)).body
    const uses = (list: { use: string }[]) => list.map(({ use }) => use)
    expect(uses(all)).toEqual(['x509-svid', 'jwt-svid', 'wit-svid'])
    expect(keys).toEqual(all.slice(0, 2))
    expect(others).toEqual(members)
  })

  it('keeps its web root over a restart', async () => {
    const dataDir = await temporaryFolder()
    const first = await startTestServer({ dataDir, clock: clock() })
    const ca = await readFile(join(dataDir, 'public-root.pem'), 'utf8')
    await first.server.stop()
    const second = await startTestServer({ dataDir, clock: clock() })
    expect((await callHttps(`${second.server.publicUrl.replace('127.0.0.1', 'localhost')}/live`, { ca })).status).toBe(
      200,
    )
  })

  it('is alive and ready, and asks nobody for a certificate', async () => {
    const { server } = await startTestServer()
    expect((await callHttps(`${server.publicUrl}/live`)).body).toEqual({ status: 'live' })
    expect((await callHttps(`${server.publicUrl}/ready`)).body).toEqual({ status: 'ready' })
  })

  it('has nothing of the other listeners', async () => {
    const { server } = await startTestServer()
    expect(refusal(await callHttps(`${server.publicUrl}/v1/entries`))).toBe('404 ERR_HTTP_NOT_FOUND')
    expect(refusal(await callHttps(`${server.publicUrl}/v1/agent/sync`))).toBe('404 ERR_HTTP_NOT_FOUND')
    expect(refusal(await callHttps(`${server.publicUrl}/bundle`, { method: 'PUT', body: {} }))).toBe(
      '405 ERR_HTTP_METHOD',
    )
  })
})
