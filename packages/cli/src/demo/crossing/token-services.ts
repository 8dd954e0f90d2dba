/** The token services of the demo's two trust domains: whom they believe, and what may become what. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where a user of the shop signs in, and as whom. */
export interface LoginSettings {
  readonly issuer: string
  /** PEM root of its certificate. */
  readonly rootFile: string
}

/** A token service that trusts neither the one nor the other: grants can be asked for it, and are of no use elsewhere. */
export const OTHER_ISSUER = 'https://id.other.example/oauth2'

const LOOPBACK = ['127.0.0.1']

export function issuerOn(publicPort: number): string {
  return `https://127.0.0.1:${publicPort}/oauth2`
}

/** The shop's, which begins transactions for users of its login server and lets the order service take them to the bank. */
export function shopTokenService(folder: string, issuer: string, login: LoginSettings, bankIssuer: string): object {
  const rules = [
    {
      name: 'storefront begins checkouts',
      grant: 'token-exchange',
      subject: { profile: 'access-token', issuer: 'login', anySubject: true },
      client: shopWorkload('storefront'),
      to: {
        profile: 'transaction-token',
        audience: ['shop.example'],
        scopes: ['payments.write'],
        details: ['order'],
        claims: ['email'],
        binding: 'none',
        ttl: 120,
      },
    },
    {
      name: 'orders take checkouts to the bank',
      grant: 'token-exchange',
      subject: { profile: 'transaction-token', issuer: 'self', anySubject: true, audience: ['shop.example'] },
      client: shopWorkload('orders'),
      to: {
        profile: 'authorization-grant',
        audience: [bankIssuer, OTHER_ISSUER],
        scopes: ['payments.write'],
        claims: ['email'],
        ttl: 60,
      },
    },
  ]
  const issuers = [
    { name: 'login', issuer: login.issuer, profiles: ['access-token'], webRootsFile: login.rootFile, ...found },
  ]
  return { issuer, rulesFile: writeRules(folder, rules), issuers }
}

/** The bank's, which takes the shop's word for its users when the shop's order service brings it. */
export function bankTokenService(
  folder: string,
  issuer: string,
  shop: { readonly issuer: string; readonly rootFile: string },
  ledger: string,
): object {
  const rules = [
    {
      name: 'users of the shop pay',
      grant: 'jwt-bearer',
      subject: { profile: 'authorization-grant', issuer: 'shop', anySubject: true },
      client: shopWorkload('orders'),
      to: {
        profile: 'access-token',
        audience: [ledger],
        scopes: ['payments.write'],
        claims: ['email'],
        binding: 'required',
      },
    },
  ]
  const issuers = [
    {
      name: 'shop',
      issuer: shop.issuer,
      profiles: ['authorization-grant'],
      webRootsFile: shop.rootFile,
      subjectPrefix: 'shop/',
      ...found,
    },
  ]
  return { issuer, rulesFile: writeRules(folder, rules), issuers }
}

const found = { discovery: true, allowedAddresses: LOOPBACK, claims: { email: 'email' } }

function shopWorkload(name: string): object {
  return { profile: 'wit', issuer: 'shop.example', subject: [`spiffe://shop.example/${name}`] }
}

/** JSON is YAML. */
function writeRules(folder: string, rules: readonly object[]): string {
  const file = join(folder, 'exchange-rules.yaml')
  writeFileSync(file, `${JSON.stringify({ rules }, undefined, 2)}\n`)
  return file
}
