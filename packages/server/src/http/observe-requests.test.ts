import { silentLogger } from '@countersign/plugin-kit'
import type { SpanOptions, Tracing } from '@countersign/telemetry'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type AnsweredRequest, NO_RECORDER } from '../telemetry/server-recorder.ts'
import { createApp } from './create-app.ts'
import { HttpError } from './http-error.ts'

/** Notes what is traced, and which span is active. */
class RecordingTracing implements Tracing {
  readonly spans: { name: string; options: SpanOptions; attributes: Record<string, unknown>; ended?: unknown }[] = []
  active: string | undefined

  begin(name: string, options: SpanOptions = {}) {
    const span: RecordingTracing['spans'][number] = { name, options, attributes: { ...options.attributes } }
    this.spans.push(span)
    return {
      set: (key: string, value: unknown) => void Object.assign(span.attributes, { [key]: value }),
      run: <T>(work: () => T): T => {
        const before = this.active
        this.active = name
        try {
          return work()
        } finally {
          this.active = before
        }
      },
      end: (error?: unknown) => void Object.assign(span, { ended: error ?? 'well' }),
    }
  }

  headers = () => ({})
  close = async () => {}
}

async function open(continuesTraces?: boolean) {
  const tracing = new RecordingTracing()
  const answered: AnsweredRequest[] = []
  const seen: (string | undefined)[] = []
  const recorder = { ...NO_RECORDER, requestAnswered: (request: AnsweredRequest) => void answered.push(request) }
  const app = await createApp(
    {
      ...{ log: silentLogger, name: 'public', description: '', openapi: false, version: '1' },
      guard: async () => void seen.push(`guard of ${tracing.active}`),
      observers: { recorder, tracing, ...(continuesTraces !== undefined && { continuesTraces }) },
    },
    (routes) => {
      routes.post('/things/:id', async () => {
        seen.push(`handler of ${tracing.active}`)
        return {}
      })
      routes.get('/refused', async () => {
        throw new HttpError('ERR_HTTP_NOT_FOUND', 'no')
      })
      routes.get('/broken', async () => {
        throw new Error('secret')
      })
    },
  )
  onTestFinished(() => app.close())
  return { app, tracing, answered, seen }
}

const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }

describe('observed requests', () => {
  it('are spans that guard and handler run in, named by the pattern of the route', async () => {
    const { app, tracing, answered, seen } = await open()
    await app.inject({ method: 'POST', url: '/things/secret?token=secret', headers, payload: {} })
    expect(seen).toEqual(['guard of POST /things/:id', 'handler of POST /things/:id'])
    expect(tracing.spans).toMatchObject([
      { name: 'POST /things/:id', attributes: { 'http.response.status_code': 200 }, ended: 'well' },
    ])
    expect(JSON.stringify(tracing.spans)).not.toContain('secret')
    expect(answered).toEqual([
      { listener: 'public', method: 'POST', route: '/things/:id', status: 200, seconds: expect.any(Number) },
    ])
  })

  it('continue the trace of a request only where that is wanted', async () => {
    const stranger = await open()
    await stranger.app.inject({ url: '/refused', headers })
    expect(stranger.tracing.spans[0]?.options.from).toBeUndefined()
    const agent = await open(true)
    await agent.app.inject({ url: '/refused', headers })
    expect(agent.tracing.spans[0]?.options.from).toMatchObject(headers)
  })

  it('have failed when the server has, not when it refuses', async () => {
    const { app, tracing, answered } = await open()
    await app.inject({ url: '/refused' })
    await app.inject({ url: '/broken' })
    await app.inject({ url: '/nowhere' })
    expect(tracing.spans.map(({ name, ended }) => [name, ended instanceof Error])).toEqual([
      ['GET /refused', false],
      ['GET /broken', true],
      ['GET none', false],
    ])
    expect(answered.map(({ route, status }) => [route, status])).toEqual([
      ['/refused', 404],
      ['/broken', 500],
      ['none', 404],
    ])
  })
})
