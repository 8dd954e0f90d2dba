import type { InteropTokenService } from '../support/token-service.ts'
import type { Keycloak } from './keycloak.ts'

export const DOMAIN = 'keycloak.example'
export const REALM = 'people'
export const GATEWAY_ID = `spiffe://${DOMAIN}/gateway`
export const ORDERS = 'https://orders.example'

/** Keycloak's users, as the gateway brings them, for orders. */
export const rules = {
  rules: [
    {
      name: 'gateway acts for users',
      grant: 'token-exchange',
      subject: { profile: 'access-token', issuer: 'people', anySubject: true },
      client: { profile: 'jwt-svid', issuer: DOMAIN, subject: [GATEWAY_ID] },
      to: { profile: 'access-token', audience: [ORDERS], scopes: ['profile'], ttl: 120 },
    },
  ],
}

export interface Scene {
  readonly service: InteropTokenService
  readonly keycloak: Keycloak
  readonly secrets: { readonly password: string; readonly clientSecret: string; readonly adminPassword: string }
  /** Of the gateway, from its agent. */
  readonly jwtSvid: (audience: string) => Promise<string>
}
