import { generateSigningKey } from '@countersign/protocol/keys-node'
import { expect } from 'vitest'
import type { Reply } from './http-call.ts'
import type { TestAgent } from './test-agent.ts'
import type { TestServer } from './test-server.ts'

export const newKey = () => generateSigningKey('ES256').publicJwk

/** An entry of a workload on this agent's node. */
export function entryFor(agent: TestAgent, change: object = {}) {
  return {
    spiffeId: 'spiffe://example.org/db',
    parentId: agent.agentId,
    selectors: [{ type: 'unix', value: 'uid:1000' }],
    ...change,
  }
}

export async function createEntry({ admin }: TestServer, agent: TestAgent, change: object = {}) {
  const reply = await admin('/v1/entries', { body: entryFor(agent, change) })
  expect(reply.status).toBe(201)
  return reply.body
}

/** Status and code of a refusal, to compare in one go. */
export const refusal = ({ status, body }: Reply) => `${status} ${body.code}`
