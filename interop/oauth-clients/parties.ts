import { createPrivateKey, type JsonWebKeyInput, randomUUID, sign, type webcrypto } from 'node:crypto'
import type { Authentication } from './oauth-client.ts'
import { CLUSTER, type Scenario, WORKLOAD } from './scenario.ts'

type Assertion = Extract<Authentication, { by: 'assertion' }>

/** Those who ask the token service, and how each says who it is. */
export class Parties {
  /** Somebody else than the token service. */
  readonly service = 'https://other.example'
  readonly #scenario: Scenario
  readonly #keys: { readonly gateway: webcrypto.CryptoKey; readonly orders: webcrypto.CryptoKey }

  private constructor(
    scenario: Scenario,
    keys: { readonly gateway: webcrypto.CryptoKey; readonly orders: webcrypto.CryptoKey },
  ) {
    this.#scenario = scenario
    this.#keys = keys
  }

  static async of(scenario: Scenario): Promise<Parties> {
    const [gateway, orders] = await Promise.all([importKey(scenario.gatewayKey), importKey(scenario.ordersKey)])
    return new Parties(scenario, { gateway, orders })
  }

  /** A workload of the cluster: registered nowhere, and its assertion is the platform's, whose claims `claims` replace. */
  readonly serviceAccount = (claims: object): Assertion => {
    const now = Math.floor(Date.now() / 1000)
    const payload = {
      aud: [this.#scenario.issuer],
      exp: now + 600,
      iat: now,
      iss: CLUSTER,
      jti: randomUUID(),
      'kubernetes.io': { namespace: 'test', serviceaccount: { name: 'default', uid: randomUUID() } },
      nbf: now,
      sub: WORKLOAD,
      ...claims,
    }
    const parts = [{ alg: 'RS256', kid: 'cluster' }, payload]
    const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const key = createPrivateKey({ key: this.#scenario.clusterKey, format: 'jwk' } as JsonWebKeyInput)
    const signature = sign('RSA-SHA256', Buffer.from(input), key).toString('base64url')
    return {
      by: 'assertion',
      clientId: WORKLOAD,
      type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      assertion: `${input}.${signature}`,
    }
  }

  /** @param audience of its assertion, where the library's own choice is not wanted */
  readonly gateway = (audience?: string): Authentication => ({
    ...{ by: 'key', clientId: 'gateway', key: this.#keys.gateway, kid: 'gateway' },
    ...(audience === undefined ? {} : { audience }),
  })

  readonly orders = (): Authentication => ({ by: 'key', clientId: 'orders', key: this.#keys.orders, kid: 'orders' })
}

function importKey(jwk: webcrypto.JsonWebKey): Promise<webcrypto.CryptoKey> {
  return crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
}
