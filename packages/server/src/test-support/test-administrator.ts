import type { NewRoleGrant, RoleGrant } from '@countersign/api'
import { decodeBase64, encodePem } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { expect } from 'vitest'
import { encodeKeyPem } from '../tls/tls-credential.ts'
import { type Call, callHttps, type Reply } from './http-call.ts'
import type { TestAgent } from './test-agent.ts'
import type { TestServer } from './test-server.ts'

/** A program that makes administrative calls over the network, with its own X509-SVID. */
export interface TestAdministrator {
  readonly spiffeId: string
  readonly tls: { readonly key: string; readonly cert: string }
  call(path: string, call?: Call): Promise<Reply>
}

/** @param path of its identity; without roles until some are granted */
export async function createProgram(
  { admin, server }: TestServer,
  agent: TestAgent,
  path: string,
  fields: object = {},
): Promise<TestAdministrator> {
  const spiffeId = `spiffe://example.org${path}`
  const selectors = [{ type: 'unix', value: `path:${path}` }]
  const created = await admin('/v1/entries', { body: { spiffeId, parentId: agent.agentId, selectors, ...fields } })
  expect(created.status).toBe(201)
  const key = generateSigningKey('ES256')
  const body = { requests: [{ entryId: created.body.id, publicKey: key.publicJwk }] }
  const { svids } = (await agent.call('/v1/agent/x509-svids', { body })).body
  const tls = { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem(svids[0].credential.chain.map(decodeBase64)) }
  return { spiffeId, tls, call: (url, call = {}) => callHttps(`${server.machineUrl}${url}`, { ...tls, ...call }) }
}

export async function grantRole({ admin }: TestServer, grant: NewRoleGrant): Promise<RoleGrant> {
  const reply = await admin('/v1/role-grants', { body: grant })
  expect(reply.status, reply.text).toBe(201)
  return reply.body
}

/** A program with one role. */
export async function createAdministrator(
  test: TestServer,
  agent: TestAgent,
  path: string,
  grant: Omit<NewRoleGrant, 'subject'>,
): Promise<TestAdministrator> {
  const program = await createProgram(test, agent, path)
  await grantRole(test, { subject: { spiffeId: program.spiffeId }, ...grant })
  return program
}
