import { describeTokenProfileOut, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import { decodePem, jwkThumbprint, parseCertificate } from '@countersign/protocol'
import type { ExchangedSubject, TokenOrder } from '@countersign/protocol/exchange'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { X509SvidOut } from './x509-svid-out.ts'

const NOW = 1_800_000_000
const ID = 'spiffe://example.org/orders'
const key = generateSigningKey('ES256')
const thumbprint = (await jwkThumbprint(key.publicJwk, nodeCrypto)) as string

function orderWith(change: Partial<TokenOrder> = {}): TokenOrder {
  return {
    subject: ID,
    audience: ['example.org'],
    scopes: [],
    clientId: 'pod',
    actor: undefined,
    claims: {},
    confirmation: { kind: 'jkt', thumbprint },
    confirmationKey: key.publicJwk,
    issuedAt: NOW,
    expiresAt: NOW + 600,
    source: { localSubject: 'pod', confirmation: undefined } as ExchangedSubject,
    transaction: undefined,
    ...change,
  }
}

const read = (token: string) => parseCertificate(decodePem(token)[0] ?? new Uint8Array())

describeTokenProfileOut('x509-svid', () => ({
  half: new X509SvidOut(),
  host: new TestTokenProfileHost({ now: NOW }),
  order: orderWith(),
  read: ({ token }) => ({ expiresAt: read(token).notAfter }),
}))

describe('x509-svid', () => {
  const half = new X509SvidOut()
  const host = new TestTokenProfileHost({ now: NOW })
  const issue = (change: Partial<TokenOrder> = {}) => half.issue(orderWith(change), host)

  it('is for the key that was proved, and for the workload of the order', async () => {
    const { token, tokenType, issuedTokenType } = await issue()
    expect([tokenType, issuedTokenType]).toEqual(['N_A', 'urn:countersign:token-type:x509-svid'])
    const { spki, uriSans } = read(token)
    expect(Buffer.from(spki)).toEqual(Buffer.from(nodeCrypto.exportSpki(key.publicJwk) as Uint8Array))
    expect(uriSans).toEqual([ID])
  })

  it('ends after an hour, whatever the order says', async () => {
    expect((await issue({ expiresAt: NOW + 86_400 })).expiresAt).toBe(NOW + 3600)
  })

  it.each<[string, Partial<TokenOrder>, string]>([
    ['a key that nobody proved', { confirmationKey: generateSigningKey('ES256').publicJwk }, 'INVALID_DPOP_PROOF'],
    ['a certificate in place of a key', { confirmation: { kind: 'x5t#S256', thumbprint } }, 'INVALID_DPOP_PROOF'],
    ['a workload of another domain', { subject: 'spiffe://other.example/a' }, 'INVALID_REQUEST'],
    ['somebody who acts', { actor: { subject: 'a' } }, 'INVALID_REQUEST'],
    ['a scope', { scopes: ['a'] }, 'INVALID_SCOPE'],
    [
      'the key of another identity',
      {
        source: {
          localSubject: 'spiffe://example.org/a',
          confirmation: { kind: 'jkt', thumbprint },
        } as ExchangedSubject,
      },
      'INVALID_DPOP_PROOF',
    ],
  ])('is not given for %s', async (_, change, code) => {
    await expectCode(issue(change), `ERR_OAUTH_${code}`)
  })

  it('is given once more for the key of the very identity', async () => {
    const source = { localSubject: ID, confirmation: { kind: 'jkt', thumbprint } } as ExchangedSubject
    expect((await issue({ source })).token).toContain('BEGIN CERTIFICATE')
  })
})
