/** Requests that are no form, or that two readers could read differently. */
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it, vi } from 'vitest'
import { credentialsForm, expectRefusal, startAttackWorld } from '../../test-support/attack-world.ts'
import { callHttps } from '../../test-support/http-call.ts'
import { startTokenService, type TokenServiceWorld } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const ENDPOINTS = ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke']
const FORM = 'application/x-www-form-urlencoded'

const formOf = (test: TokenServiceWorld) => new URLSearchParams(credentialsForm(test.serviceAccountToken())).toString()

describe('a request to an endpoint for clients', () => {
  it.each<[string, string]>([
    ['JSON', 'application/json'],
    ['plain text', 'text/plain'],
    ['a form of several parts', 'multipart/form-data; boundary=x'],
    ['XML', 'application/xml'],
    ['a type that begins like a form', `${FORM}x`],
    ['no type at all', ''],
  ])('is refused as %s, however well it would read as a form', async (_, type) => {
    const test = await startTokenService()
    for (const path of ENDPOINTS) {
      expectRefusal(await test.post(formOf(test), { 'content-type': type }, path), '400 invalid_request')
    }
  })

  it('is read as ASCII whatever character set it names, and refused when it is in another one', async () => {
    const test = await startTokenService({ cluster: { reuse: true } })
    const post = (text: string, charset: string) => test.post(text, { 'content-type': `${FORM};charset=${charset}` })
    for (const charset of ['utf-8', 'UTF-7', 'utf-16', 'ebcdic-us', '"utf-8"', 'x'.repeat(1000)]) {
      // Its text is ASCII, which means the same in all that anyone could mistake it for.
      expect((await post(formOf(test), charset)).status, charset).toBe(200)
    }
    const wide = Buffer.from(formOf(test), 'utf16le').toString('latin1')
    expectRefusal(await post(wide, 'utf-16'), '400 invalid_request')
    // "grant_type" with a letter of UTF-7, and with one that looks like another.
    expectRefusal(await post(formOf(test).replace('grant_type', '+AGc-rant_type'), 'utf-7'), '400 invalid_request')
    expectRefusal(await post(formOf(test).replace('grant', 'grаnt'), 'utf-8'), '400 invalid_request')
    expectRefusal(await post(formOf(test).replace('grant', 'gr%D0%B0nt'), 'utf-8'), '400 invalid_request')
  })

  it('is not unpacked', async () => {
    const test = await startTokenService()
    for (const coding of ['gzip', 'deflate', 'br']) {
      const reply = await test.post('\u001f\u008b\b\0', { 'content-encoding': coding })
      expectRefusal(reply, '400 invalid_request')
    }
  })

  it('is refused with a parameter that comes twice, in whatever letters, at every endpoint', async () => {
    const test = await startTokenService()
    const names = [
      'grant_type',
      'scope',
      'client_id',
      'client_assertion',
      'client_assertion_type',
      'subject_token',
      'token',
    ]
    for (const path of ENDPOINTS) {
      for (const name of [...names, 'requested_token_type', 'actor_token', 'assertion', 'x']) {
        const encoded = `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`
        for (const twice of [`${name}=a&${name}=b`, `${name}=&${name}=b`, `${name}=a&${encoded}=a`]) {
          expectRefusal(await test.post(`${formOf(test)}&${twice}`, {}, path), '400 invalid_request')
        }
      }
    }
  })

  it('is refused above its size before it is read, and with too many parameters', async () => {
    const test = await startTokenService()
    for (const path of ENDPOINTS) {
      const large = await test.post(`${formOf(test)}&x=${'a'.repeat(64 * 1024)}`, {}, path)
      expectRefusal(large, '400 invalid_request')
      expect(large.body.error_description).toBe('body is larger than 65536 bytes')
      const many = Array.from({ length: 65 }, (_, index) => `a${index}=1`).join('&')
      expectRefusal(await test.post(many, {}, path), '400 invalid_request')
    }
  })

  it('is refused with parameters in the URL, where they would be in logs', async () => {
    const test = await startTokenService()
    for (const path of ENDPOINTS) {
      const secret = test.serviceAccountToken()
      for (const query of [`?${formOf(test)}`, `?client_assertion=${secret}`, '?scope=']) {
        expectRefusal(await test.post(formOf(test), {}, `${path}${query}`), '400 invalid_request', [secret])
      }
      expect(test.log.text).not.toContain(secret.split('.')[2])
    }
  })

  it('is none by another method, and what came with it is not looked at', async () => {
    const test = await startTokenService()
    const { origin } = new URL(test.server.publicUrl)
    for (const path of ENDPOINTS) {
      const content = { text: formOf(test), headers: { 'content-type': FORM } }
      for (const call of [
        { method: 'GET' },
        { method: 'DELETE' },
        { method: 'PUT', ...content },
        { method: 'PATCH', ...content },
      ]) {
        const reply = await callHttps(`${origin}${path}`, call)
        expect(reply.status).toBe(405)
        expect(reply.headers).toMatchObject({ allow: 'POST', 'cache-control': 'no-store' })
      }
    }
  })

  it('is refused with text that is not UTF-8, or not encoded', async () => {
    const test = await startTokenService()
    const bad = ['%zz', '%', '%f', '%ff', '%c0%af', '%ed%a0%80', 'a b', 'a"b', 'a\nb', 'a;b=c\u0000']
    for (const value of bad) {
      expectRefusal(await test.post(`${formOf(test)}&scope=${value}`), '400 invalid_request')
    }
    for (const text of ['', '=', '&', '&&', '=a', 'a', 'grant_type', `${formOf(test)}&`, `&${formOf(test)}`]) {
      expectRefusal(await test.post(text), '400 invalid_request')
    }
  })

  it('is refused with a field twice that may come once', async () => {
    const test = await startAttackWorld()
    const twice = (value: string) => [value, value] as unknown as string
    const dpop = test.dpop(generateSigningKey('ES256'))
    const proofs = { dpop: twice(dpop) }
    expectRefusal(await test.post(credentialsForm(test.serviceAccountToken()), proofs), '400 invalid_dpop_proof')
    const fields = test.witFields()
    const own = { grant_type: 'client_credentials' }
    for (const name of ['workload-identity-token', 'workload-proof-token']) {
      expectRefusal(await test.post(own, { ...fields, [name]: twice(fields[name] ?? '') }), '401 invalid_client')
    }
  })
})
