/** A token service that trusts an attester, and an instance of a client that it attests. */
import { ClientAttestationIssuer, ClientAttestationPopBuilder } from '@countersign/protocol/exchange'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import type { Reply } from './http-call.ts'
import {
  ISSUER,
  ORDERS,
  startTokenService,
  type TokenServiceOptions,
  type TokenServiceWorld,
} from './token-service-world.ts'

export const CLIENT = 'https://client.example.com'
export const ATTESTED_CLIENT = `acme/${CLIENT}`
export const attesterKey = generateSigningKey('ES256', { kid: 'acme-1' })

export const ACME = {
  name: 'acme',
  issuer: 'https://attester.acme.example',
  profiles: ['client-attestation'],
  jwks: { keys: [attesterKey.publicJwk] },
  subjectPrefix: 'acme/',
}

/** Lets the attested client have a token for orders. */
export const CLIENT_RULE = {
  name: 'client',
  grant: 'client_credentials',
  subject: { profile: 'client-attestation', issuer: 'acme', subject: [CLIENT] },
  to: { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read'] },
}

type Headers = Record<string, string>

export interface AttestationWorld extends Omit<TokenServiceWorld, 'ask'> {
  readonly key: ReturnType<typeof generateSigningKey>
  attestation(change?: {
    readonly clientId?: string
    readonly claims?: Record<string, unknown>
    readonly expiresAt?: number
  }): string
  pop(change?: { readonly audience?: string; readonly challenge?: string }, signer?: AttestationWorld['key']): string
  /** The fields of one request. */
  fields(attestation?: string, pop?: string): Headers
  ask(headers?: Headers, form?: Headers, path?: string): Promise<Reply>
}

export async function startAttestationWorld(
  acme: object = {},
  options: TokenServiceOptions = {},
): Promise<AttestationWorld> {
  const test = await startTokenService({
    rules: [CLIENT_RULE],
    cluster: { subjectPrefix: 'k8s/' },
    ...options,
    issuers: [{ ...ACME, ...acme }, ...(options.issuers ?? [])],
  })
  const key = generateSigningKey('ES256')
  const issuer = new ClientAttestationIssuer(attesterKey)
  const world: AttestationWorld = {
    ...test,
    key,
    attestation({ clientId = CLIENT, claims = {}, expiresAt = test.clock.now() + 3600 } = {}) {
      const content = { clientId, instanceKey: key.publicJwk, issuedAt: test.clock.now(), expiresAt, claims }
      return issuer.issue(content) as string
    },
    pop(change: object = {}, signer = key) {
      const content = { audience: ISSUER, now: test.clock.now(), ...change }
      return new ClientAttestationPopBuilder(signer, nodeCrypto).build(content) as string
    },
    fields: (attestation = world.attestation(), pop = world.pop()): Headers => ({
      'OAuth-Client-Attestation': attestation,
      'OAuth-Client-Attestation-PoP': pop,
    }),
    ask: (headers = world.fields(), form: Headers = {}, path?: string) =>
      test.post({ grant_type: 'client_credentials', ...form }, headers, path),
  }
  return world
}
