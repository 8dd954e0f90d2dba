import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PublicJwk } from '@countersign/protocol'
import {
  ATTESTATION_FIELDS,
  ClientAttestationIssuer,
  ClientAttestationPopBuilder,
  DpopProofBuilder,
} from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { decodeJwt } from 'jose'
import { freePort } from '../support/free-port.ts'
import type { SuiteContext } from '../support/interop-suite.ts'
import { until } from '../support/until.ts'
import type { ProviderSettings } from './programs/oidc-provider-server.ts'
import { CLIENT } from './scene.ts'

const PROGRAM = fileURLToPath(new URL('programs/oidc-provider-server.ts', import.meta.url))
const METHODS = ['attest_jwt_client_auth', 'attest_jwt_client_auth_dpop'] as const
const NAME = 'oidc-provider 9.13.3'

const now = () => Math.floor(Date.now() / 1000)

/** oidc-provider takes what our attester and our client make, in both modes, and refuses what is wrong with it. */
export async function checkOidcProvider(context: SuiteContext): Promise<void> {
  const attester = generateSigningKey('ES256', { kid: 'ours' })
  for (const method of METHODS) {
    const server = await startProvider(context, method, attester.publicJwk)
    await (method === 'attest_jwt_client_auth' ? checkPop : checkDpop)(context, server, attester)
  }
}

interface Answer {
  readonly said: string
  readonly headers: Headers
  readonly token: string
}

/** Status and error of an answer, or that a token came. */
async function ask(server: string, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${server}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: CLIENT, scope: 'orders.read' }).toString(),
  })
  const body = (await response.json()) as { access_token?: string; error?: string }
  const said = response.ok ? 'granted' : `${response.status} ${body.error}`
  return { said, headers: response.headers, token: body.access_token ?? '' }
}

function attest(attester: NodeSigningKey, instance: NodeSigningKey): string {
  const content = { clientId: CLIENT, instanceKey: instance.publicJwk, issuedAt: now(), expiresAt: now() + 300 }
  return new ClientAttestationIssuer(attester).issue(content) as string
}

async function checkPop({ report }: SuiteContext, server: string, attester: NodeSigningKey): Promise<void> {
  const instance = generateSigningKey('ES256')
  const reply = await fetch(`${server}/challenge`, { method: 'POST' })
  const { attestation_challenge: challenge } = (await reply.json()) as { attestation_challenge: string }
  const pop = (change: object = {}, key = instance) =>
    new ClientAttestationPopBuilder(key, nodeCrypto).build({
      audience: server,
      now: now(),
      challenge,
      ...change,
    }) as string
  const send = async (proof: string, attestation = attest(attester, instance)) =>
    ask(server, { [ATTESTATION_FIELDS.attestation]: attestation, [ATTESTATION_FIELDS.proof]: proof })
  const expectAnswer = async (check: string, expected: string, answer: Promise<Answer>) => {
    const { said } = await answer
    report.add({ check: `${NAME}: ${check}`, ok: said === expected, detail: said })
  }
  await expectAnswer('takes our attestation with our PoP and its challenge', 'granted', send(pop()))
  const asked = await send(pop({ challenge: 'another' }))
  const given = asked.headers.get(ATTESTATION_FIELDS.challenge)
  await expectAnswer('takes the challenge of its answer', 'granted', send(pop({ challenge: given ?? '' })))
  const used = pop()
  await send(used)
  const stranger = generateSigningKey('ES256', { kid: 'ours' })
  const refused = '401 invalid_client'
  await expectAnswer('refuses another challenge', '400 use_attestation_challenge', Promise.resolve(asked))
  await expectAnswer('refuses a PoP that comes again', refused, send(used))
  await expectAnswer('refuses a PoP by another key', refused, send(pop({}, stranger)))
  await expectAnswer('refuses a PoP for another server', refused, send(pop({ audience: 'https://else.example' })))
  await expectAnswer('refuses an attestation by a stranger', refused, send(pop(), attest(stranger, instance)))
}

async function checkDpop({ report }: SuiteContext, server: string, attester: NodeSigningKey): Promise<void> {
  const instance = generateSigningKey('ES256')
  const send = async (key: NodeSigningKey, nonce?: string) => {
    const content = { method: 'POST', url: `${server}/token`, now: now(), ...(nonce === undefined ? {} : { nonce }) }
    const dpop = new DpopProofBuilder(key, nodeCrypto).build(content) as string
    return ask(server, { [ATTESTATION_FIELDS.attestation]: attest(attester, instance), dpop })
  }
  const asked = await send(instance)
  report.add({ check: `${NAME}: asks for a nonce`, ok: asked.said === '400 use_dpop_nonce', detail: asked.said })
  const nonce = asked.headers.get('dpop-nonce') ?? ''
  const { said, token } = await send(instance, nonce)
  const jkt = token === '' ? undefined : decodeJwt<{ cnf?: { jkt?: string } }>(token).cnf?.jkt
  const isBound = jkt === (await new DpopProofBuilder(instance, nodeCrypto).thumbprint)
  const check = `${NAME}: takes our attestation with our DPoP proof alone, and binds the token to its key`
  report.add({ check, ok: said === 'granted' && isBound, detail: `${said}, bound ${isBound}` })
  const other = await send(generateSigningKey('ES256'), nonce)
  const expected = '401 invalid_client'
  report.add({ check: `${NAME}: refuses DPoP by another key`, ok: other.said === expected, detail: other.said })
}

async function startProvider(
  { processes, temporaryFolder }: SuiteContext,
  method: ProviderSettings['method'],
  attesterJwk: PublicJwk,
): Promise<string> {
  const port = await freePort()
  const signing = generateSigningKey('ES256', { kid: 'own' })
  const settings = { port, method, attesterJwk, signingJwk: { ...signing.exportJwk(), alg: 'ES256', use: 'sig' } }
  const settingsFile = join(temporaryFolder, `${method}.json`)
  await writeFile(settingsFile, JSON.stringify(settings), { mode: 0o600 })
  processes.start(process.execPath, [PROGRAM, settingsFile], { logFile: join(temporaryFolder, `${method}.log`) })
  const server = `http://127.0.0.1:${port}`
  const isThere = async () => (await fetch(`${server}/.well-known/openid-configuration`).catch(() => undefined))?.ok
  await until(isThere, 'an oidc-provider that answers')
  return server
}
