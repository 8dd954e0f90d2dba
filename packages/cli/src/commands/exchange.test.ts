import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import * as sdk from '@countersign/sdk'
import { decodeToken } from '@countersign/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FakeEndpoint } from '../test-support/fake-endpoint/fake-endpoint.ts'
import { createAuthorities, FakeWorld, WEB } from '../test-support/fake-endpoint/fake-world.ts'
import { runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { startTokenEndpoint, type TokenEndpoint } from '../test-support/token-endpoint.ts'

const modules = { sdk: async () => sdk }
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** A file with a token of the platform. */
async function platformToken(content = 'platform.token.here'): Promise<string> {
  const path = join(await temporaryFolder(), 'id')
  await writeFile(path, `${content}\n`)
  return path
}

async function withAssertion(service: TokenEndpoint, ...args: string[]) {
  return runCli(['exchange', '--issuer', service.issuer, '--assertion-file', await platformToken(), ...args], {
    modules,
  })
}

async function startAgent(): Promise<string> {
  const endpoint = new FakeEndpoint(new FakeWorld(await createAuthorities()))
  onTestFinished(() => endpoint.close())
  const { address } = await endpoint.listen()
  return (address as { path: string }).path
}

describe('exchange', () => {
  it('prints the token alone, so that a shell can hold it', async () => {
    const service = await startTokenEndpoint()
    const options = ['--audience', 'https://orders.example', '--audience', 'b', '--scope', 'orders.read orders.write']
    const { code, stdout, stderr } = await withAssertion(service, ...options)
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${service.token}\n`, stderr: '' })
    expect(service.requests[0]?.form).toMatchObject({
      grant_type: 'client_credentials',
      client_assertion: 'platform.token.here',
      scope: 'orders.read orders.write',
    })
    expect(service.requests[0]?.headers['dpop']).toBeUndefined()
  })

  it('says what the token says: as a table without the token, and as JSON', async () => {
    const service = await startTokenEndpoint()
    const { stdout } = await withAssertion(service, '--claims')
    expect(stdout).toMatch(/shown as +Bearer\n/)
    expect(stdout).toMatch(/expires +2026-11-22T22:05:00Z, in 5 min\n/)
    expect(stdout).toMatch(/sub +alice +whom it is about/)
    expect(stdout).not.toContain(service.token.slice(-20))
    const json = JSON.parse((await withAssertion(service, '--output', 'json')).stdout)
    expect(json).toMatchObject({
      token: service.token,
      scheme: 'Bearer',
      scopes: ['orders.read'],
      claims: service.claims,
    })
  })

  it('tells of a token that is no JWT what the service says', async () => {
    const service = await startTokenEndpoint()
    service.grant = { access_token: 'opaque', token_type: 'bearer', expires_in: 60 }
    expect((await withAssertion(service, '--claims')).stdout).toMatch(/scopes +\(none\)/)
  })

  it('exchanges the token of a file or of standard input, and takes a grant', async () => {
    const service = await startTokenEndpoint()
    service.grant = { ...service.grant, issued_token_type: ACCESS_TOKEN }
    const args = ['exchange', '--issuer', service.issuer, '--assertion-file', await platformToken()]
    const types = ['--subject-token-type', 'id-token', '--requested-type', 'access-token']
    const actor = ['--actor-token-file', await platformToken('actor'), '--actor-token-type', 'urn:x']
    await runCli([...args, '--subject-token-file', '-', ...types, ...actor], { modules, stdin: 'user.id.token\n' })
    await runCli([...args, '--grant-file', await platformToken('grant')], { modules })
    expect(service.requests.map(({ form }) => form)).toMatchObject([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: 'user.id.token',
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        actor_token: 'actor',
        actor_token_type: 'urn:x',
        requested_token_type: ACCESS_TOKEN,
      },
      { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: 'grant' },
    ])
  })

  it('says who asks by what the agent gives, and exchanges that', async () => {
    const [service, socket] = [await startTokenEndpoint(), await startAgent()]
    const args = ['exchange', '--issuer', service.issuer, '--socket', socket]
    expect((await runCli(args, { modules })).stdout).toBe(`${service.token}\n`)
    const byJwt = ['exchange', '--issuer', service.issuer, '--authentication', 'jwt-svid']
    await runCli(byJwt, { modules, env: { SPIFFE_ENDPOINT_SOCKET: `unix://${socket}` } })
    const urn = 'urn:countersign:token-type:jwt-svid'
    service.grant = { ...service.grant, token_type: 'N_A', issued_token_type: urn }
    await runCli([...args, '--requested-type', 'jwt-svid'], { modules })
    const [first, second, third] = service.requests
    const claimsOf = (token: unknown) => decodeToken(String(token)).claims
    expect(claimsOf(first?.headers['workload-identity-token'])).toMatchObject({ sub: WEB })
    expect(first?.headers['workload-proof-token']).toBeTypeOf('string')
    expect(claimsOf(second?.form['client_assertion'])).toMatchObject({ sub: WEB, aud: [service.issuer] })
    expect(claimsOf(third?.form['subject_token'])).toMatchObject({ sub: WEB })
  })

  it('binds the token to a key that is given', async () => {
    const service = await startTokenEndpoint()
    const file = join(await temporaryFolder(), 'key.jwk')
    await writeFile(file, JSON.stringify(generateSigningKey('ES384').exportJwk()))
    service.grant = { access_token: 'opaque', token_type: 'DPoP', expires_in: 60 }
    const { code, stdout } = await withAssertion(service, '--dpop-key', file)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'opaque\n' })
    expect(decodeToken(String(service.requests[0]?.headers['dpop'])).header).toMatchObject({ alg: 'ES384' })
    await writeFile(file, JSON.stringify(generateSigningKey('ES384').publicJwk))
    expect((await withAssertion(service, '--dpop-key', file)).stderr).toContain('ERR_CLI_FILE_MALFORMED')
  })

  it.each([
    ['invalid_client', '--issuer must be what the service calls itself'],
    ['unauthorized_client', 'countersign exchange explain'],
    ['invalid_target', '--audience'],
    ['invented_here', 'audit of the server'],
  ])('says what to do about %s', async (error, hint) => {
    const service = await startTokenEndpoint()
    service.refusal = { status: 400, body: { error, error_description: 'because' } }
    const { code, stdout, stderr } = await withAssertion(service)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      new RegExp(`^error: the token service gives no token: ${error} \\(ERR_SDK_TOKEN_REFUSED\\)\n`),
    )
    expect(stderr).toContain('detail: because\n')
    expect(stderr).toContain(hint)
  })

  it.each<[string, string[], string]>([
    ['no issuer', [], '--issuer'],
    ['an issuer without TLS', ['--issuer', 'http://id.example.org'], 'https'],
    ['an unknown type', ['--issuer', 'https://id.example.org', '--requested-type', 'saml'], 'access-token'],
    ['an unknown method', ['--issuer', 'https://id.example.org', '--authentication', 'password'], 'jwt-svid'],
  ])('tries nothing with %s', async (_, args, message) => {
    const { code, stderr } = await runCli(['exchange', ...args])
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain('`countersign exchange --help`')
  })

  it('says what to do without an agent', async () => {
    const service = await startTokenEndpoint()
    const { code, stderr } = await runCli(['exchange', '--issuer', service.issuer], { modules })
    expect(code).toBe(1)
    expect(stderr).toContain('SPIFFE_ENDPOINT_SOCKET')
  })
})
