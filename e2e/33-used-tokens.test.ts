/** A server is killed while clients have just used their assertions: none of them is good again. */
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { encodeToken } from '@countersign/testing'
import { afterEach, expect, it } from 'vitest'
import { callSocket } from './support/http.ts'
import { TrustDomain } from './support/trust-domain.ts'

const ISSUER = 'https://id.example.org/oauth2'
const KILLS = 5
const ASSERTIONS = 40
const key = generateSigningKey('ES256', { kid: 'batch-1' })
const TO = { profile: 'access-token', audience: ['https://orders.example'], scopes: ['orders.read'] }

let domain: TrustDomain
afterEach(() => domain.remove())

it(`no assertion is taken twice, though the server is killed ${KILLS} times`, { timeout: 120_000 }, async () => {
  domain = await TrustDomain.create(
    'example.org',
    `tokenService:
  issuer: ${ISSUER}
  rulesFile: ./rules.yaml
  clients: ${JSON.stringify([{ id: 'batch', jwks: { keys: [key.publicJwk] } }])}
`,
  )
  const subject = { profile: 'registered-client', issuer: 'clients', subject: ['batch'] }
  const rules = [{ name: 'batch', grant: 'client_credentials', subject, to: TO }]
  writeFileSync(join(domain.folder, 'rules.yaml'), JSON.stringify({ rules }))
  const used: string[] = []
  for (let round = 0; round <= KILLS; round++) {
    const server = await domain.startServer()
    const { listeners } = (await callSocket(domain.adminSocket, '/v1/status')).body
    const url = `${listeners.public}/oauth2/token`
    expect(await outcomesOf(url, used)).toEqual(new Set(used.length === 0 ? [] : ['invalid_client']))
    const fresh = Array.from({ length: ASSERTIONS }, assertion)
    // Killed with some of them answered, some under way and some not begun.
    const answers = fresh.map((each) => ask(url, each).catch(() => 'cut off'))
    await Promise.any(answers)
    await server.kill()
    const outcomes = await Promise.all(answers)
    expect(new Set(outcomes)).not.toContain('invalid_client')
    used.push(...fresh.filter((_, index) => outcomes[index] === 'token'))
  }
  expect(used.length).toBeGreaterThan(KILLS)
})

async function outcomesOf(url: string, assertions: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set(await Promise.all(assertions.map((assertion) => ask(url, assertion))))
}

function assertion(): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: 'batch', sub: 'batch', aud: ISSUER, jti: randomUUID(), iat: now, exp: now + 300 }
  return encodeToken({ alg: 'ES256', kid: 'batch-1' }, claims, key)
}

/** @returns `token`, or the OAuth error */
function ask(url: string, assertion: string): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(form.length) }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', headers, rejectUnauthorized: false }, async (response) => {
      try {
        let text = ''
        for await (const piece of response) text += String(piece)
        const body = JSON.parse(text) as { access_token?: string; error?: string }
        resolve(body.access_token === undefined ? (body.error ?? 'nothing') : 'token')
      } catch (error) {
        reject(error)
      }
    })
    outgoing.on('error', reject)
    outgoing.end(form)
  })
}
