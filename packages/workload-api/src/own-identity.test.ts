import { create } from '@bufbuild/protobuf'
import { status } from '@grpc/grpc-js'
import { expect, it, onTestFinished } from 'vitest'
import { X509SVIDResponseSchema, X509SVIDSchema } from './gen/workloadapi_pb.ts'
import { OwnIdentity } from './own-identity.ts'
import { failure, startServer } from './test-support/start-server.ts'

const ids = ['spiffe://example.org/a', 'spiffe://example.org/b']

/** An endpoint that can be told to refuse, or to say nothing. */
async function start(spiffeId?: string) {
  const timers: (() => void)[] = []
  const endpoint = { mode: 'answer' as 'answer' | 'refuse' | 'break' | 'hang' }
  const address = await startServer({
    fetchX509SVID: (call) => {
      if (endpoint.mode === 'refuse') call.emit('error', failure(status.PERMISSION_DENIED, 'no identity issued'))
      else if (endpoint.mode === 'break') call.emit('error', failure(status.UNAVAILABLE, 'away'))
      else if (endpoint.mode === 'answer') {
        const svids = ids.map((id) => create(X509SVIDSchema, { spiffeId: id }))
        call.write(create(X509SVIDResponseSchema, { svids }))
      }
    },
  })
  const schedule = (_: number, run: () => void) => {
    timers.push(run)
    return () => timers.splice(timers.indexOf(run), 1)
  }
  const identity = new OwnIdentity({ address, spiffeId, schedule })
  onTestFinished(() => identity.close())
  return { endpoint, identity, timers }
}

const first = async (identity: OwnIdentity) => (await identity.read()).svids[0]?.spiffeId

it('shows the first identity, or the one that was asked for', async () => {
  expect(await first((await start()).identity)).toBe(ids[0])
  expect(await first((await start(ids[1])).identity)).toBe(ids[1])
  await expect((await start('spiffe://example.org/c')).identity.read()).rejects.toMatchObject({
    code: 'ERR_WORKLOAD_API_DENIED',
  })
})

it('keeps the last one while the endpoint is away, and not once it was taken away', async () => {
  const { endpoint, identity, timers } = await start()
  expect(await first(identity)).toBe(ids[0])
  endpoint.mode = 'break'
  expect(await first(identity)).toBe(ids[0])
  endpoint.mode = 'hang'
  const hanging = first(identity)
  await expect.poll(() => timers.length).toBe(1)
  timers[0]?.()
  expect(await hanging).toBe(ids[0])
  endpoint.mode = 'refuse'
  await expect(identity.read()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_DENIED' })
  endpoint.mode = 'break'
  await expect(identity.read()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_UNAVAILABLE' })
})
