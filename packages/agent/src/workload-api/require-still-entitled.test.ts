import { FakeClock } from '@countersign/testing'
import { GrpcStatus } from '@countersign/workload-api/server'
import { describe, expect, it } from 'vitest'
import { AgentState } from '../state/agent-state.ts'
import { AGENT_ID, entry } from '../test-support/fake-server.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import type { Caller } from './caller.ts'
import { answerJwtSvid } from './fetch-jwt-svid.ts'
import type { AnswerContext } from './service-context.ts'

const web = entry('e1', '/web')
const other = entry('e2', '/other')

/** A program with two identities asks for a token of one of them, while the server says something else. */
function askWhile(change: (apply: (entries: readonly ReturnType<typeof entry>[]) => void) => void) {
  const clock = new FakeClock()
  const state = new AgentState()
  let revision = 0
  const apply = (entries: readonly ReturnType<typeof entry>[]) =>
    state.apply({ agentId: AGENT_ID, revision: ++revision, entries, bundles: new Map() })
  apply([web, other])
  const { view } = state
  const { selectors } = web
  const caller = { selectors, entries: view.entries.entries, view, explainRefusal: () => {} } as unknown as Caller
  const issuer = {
    async jwtSvid({ spiffeId }: { readonly spiffeId: string }) {
      change(apply)
      return { credential: { spiffeId, token: 'token' }, renewAt: Number.POSITIVE_INFINITY }
    },
  }
  const context = { issuer, state, clock, log: new RecordingLogger(), maxIdentities: 16 } as unknown as AnswerContext
  return answerJwtSvid(context, { audience: ['a'], spiffeId: web.spiffeId }, caller)
}

describe('credentials that were made while something changed', () => {
  it('are not given when their identity was withdrawn', async () => {
    const lost = { code: GrpcStatus.UNAVAILABLE, details: 'identities have changed meanwhile' }
    await expect(askWhile((apply) => apply([other]))).rejects.toMatchObject(lost)
    await expect(askWhile((apply) => apply([]))).rejects.toMatchObject(lost)
    await expect(
      askWhile((apply) => apply([{ ...web, spiffeId: 'spiffe://example.org/renamed' }, other])),
    ).rejects.toMatchObject(lost)
  })

  it('are given when it was something else', async () => {
    for (const entries of [[web], [{ ...web, hint: 'new' }, other], [web, other, entry('e3', '/more')]]) {
      const { svids } = await askWhile((apply) => apply(entries))
      expect(svids.map(({ spiffeId }) => spiffeId)).toEqual([web.spiffeId])
    }
  })
})
