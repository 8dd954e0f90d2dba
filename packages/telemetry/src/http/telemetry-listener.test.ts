import { request } from 'node:http'
import { silentLogger } from '@countersign/plugin-kit'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Readiness } from '../health/readiness.ts'
import { defineMetrics } from '../metrics/metric-definition.ts'
import { MetricSet } from '../metrics/metric-set.ts'
import { TelemetryListener } from './telemetry-listener.ts'

async function open(trouble?: string) {
  const readiness = new Readiness({ clock: new FakeClock() })
  readiness.add({ name: 'store', check: () => trouble })
  const metrics = new MetricSet(defineMetrics('test', { test_size: { type: 'gauge', help: 'Size.' } }))
  const sources = { metrics, readiness, log: silentLogger }
  const listener = await TelemetryListener.open({ host: '127.0.0.1', port: 0 }, sources)
  onTestFinished(() => listener.close())
  return { listener, sources }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

function ask(url: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers, agent: false }, async (response) => {
      let body = ''
      for await (const chunk of response) body += String(chunk)
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
    })
    call.on('error', reject)
    call.end()
  })
}

describe('TelemetryListener', () => {
  it('gives metrics, in the format that is asked for', async () => {
    const { listener } = await open()
    const plain = await ask(`${listener.url}/metrics`)
    expect(plain).toMatchObject({ status: 200, headers: { 'content-type': expect.stringContaining('0.0.4') } })
    expect(plain.body).toContain('\ntest_size 0\n')
    const open_ = await ask(`${listener.url}/metrics`, 'GET', { accept: 'application/openmetrics-text' })
    expect(open_.headers['content-type']).toContain('application/openmetrics-text')
  })

  it('lives', async () => {
    const { listener } = await open('disk is full')
    expect(await ask(`${listener.url}/live`)).toMatchObject({ status: 200, body: '{"status":"live"}\n' })
  })

  it('is ready, or says why not', async () => {
    const ready = await open()
    expect((await ask(`${ready.listener.url}/ready`)).status).toBe(200)
    const { listener } = await open('disk is full')
    const { status, body } = await ask(`${listener.url}/ready`)
    expect(status).toBe(503)
    expect(JSON.parse(body)).toEqual({
      status: 'not ready',
      checks: [{ name: 'store', status: 'failed', reason: 'disk is full' }],
    })
  })

  it.each([
    ['GET', '/', 404],
    ['GET', '/metrics?name=x', 404],
    ['GET', '/__proto__', 404],
    ['GET', '/toString', 404],
    ['POST', '/metrics', 405],
    ['DELETE', '/ready', 405],
  ])('answers %s %s with %i', async (method, path, status) => {
    const { listener } = await open()
    expect((await ask(listener.url + path, method)).status).toBe(status)
  })

  it('sends no body to HEAD', async () => {
    const { listener } = await open()
    expect(await ask(`${listener.url}/live`, 'HEAD')).toMatchObject({ status: 200, body: '' })
  })

  it('refuses an address that is taken', async () => {
    const { listener, sources } = await open()
    const port = Number(new URL(listener.url).port)
    await expectCode(TelemetryListener.open({ host: '127.0.0.1', port }, sources), 'ERR_TELEMETRY_ADDRESS')
  })
})
