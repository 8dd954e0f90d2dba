import type { InteropTokenService } from '../support/token-service.ts'
import type { Keycloak } from './keycloak.ts'
import { SCOPE } from './realm.ts'

export const DOMAIN = 'shop.example'
export const BANK = 'bank.example'
export const LEDGER = 'https://ledger.bank.example'
export const REALM = 'people'
export const GATEWAY_ID = `spiffe://${DOMAIN}/gateway`
export const ORDERS_ID = `spiffe://${DOMAIN}/orders`
export const ORDERS = 'https://orders.example'

const workload = (profile: string, id: string) => ({ profile, issuer: DOMAIN, subject: [id] })

/** Keycloak's users, as the gateway brings them, for orders; or in a transaction, which the order service may take to the bank. */
export const rulesFor = (bankIssuer: string) => ({
  rules: [
    {
      name: 'gateway acts for users',
      grant: 'token-exchange',
      subject: { profile: 'access-token', issuer: 'people', anySubject: true },
      client: workload('jwt-svid', GATEWAY_ID),
      to: { profile: 'access-token', audience: [ORDERS], scopes: ['profile'], ttl: 120 },
    },
    {
      name: 'gateway begins',
      grant: 'token-exchange',
      subject: { profile: 'access-token', issuer: 'people', anySubject: true },
      client: workload('wit', GATEWAY_ID),
      to: {
        ...{ profile: 'transaction-token', audience: [DOMAIN], scopes: [SCOPE], binding: 'none', ttl: 120 },
        ...{ details: ['order'], claims: ['email'] },
      },
    },
    {
      name: 'orders to the bank',
      grant: 'token-exchange',
      subject: { profile: 'transaction-token', issuer: 'self', anySubject: true, audience: [DOMAIN] },
      client: workload('wit', ORDERS_ID),
      to: { profile: 'authorization-grant', audience: [bankIssuer], scopes: [SCOPE], claims: ['email'], ttl: 60 },
    },
  ],
})

/** The bank takes the shop's word for whoever signed in there, when the shop's order service brings it. */
export const bankRules = {
  rules: [
    {
      name: 'users of the shop',
      grant: 'jwt-bearer',
      subject: { profile: 'authorization-grant', issuer: 'shop', anySubject: true },
      client: workload('wit', ORDERS_ID),
      to: { profile: 'access-token', audience: [LEDGER], scopes: [SCOPE], claims: ['email'], binding: 'required' },
    },
  ],
}

export interface Scene {
  readonly service: InteropTokenService
  readonly bank: InteropTokenService
  /** PEM roots of all three. */
  readonly rootsFile: string
  readonly keycloak: Keycloak
  readonly secrets: { readonly password: string; readonly clientSecret: string; readonly adminPassword: string }
  /** Of the gateway, from its agent. */
  readonly jwtSvid: (audience: string) => Promise<string>
}
