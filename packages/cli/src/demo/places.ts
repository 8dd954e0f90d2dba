import { issuerOn } from './crossing/token-services.ts'
import { freePort } from './free-port.ts'

/** Where everything of one run listens. Known before anything starts: rules and audiences name these addresses. */
export interface Places {
  readonly publicPorts: { readonly shop: number; readonly bank: number }
  readonly loginPort: number
  readonly ports: { readonly storefront: number; readonly orders: number; readonly ledger: number }
  /** Orders are reached through a wire somebody listens on. */
  readonly tapPort: number
  /** Names under which the services are reached. */
  readonly urls: { readonly storefront: string; readonly orders: string; readonly ledger: string }
  /** Issuer identifiers of the token services, and of the login server. */
  readonly issuers: { readonly shop: string; readonly bank: string; readonly login: string }
}

export async function choosePlaces(): Promise<Places> {
  const [shop, bank] = [await freePort(), await freePort()]
  const [loginPort, tapPort] = [await freePort(), await freePort()]
  const ports = { storefront: await freePort(), orders: await freePort(), ledger: await freePort() }
  return {
    publicPorts: { shop, bank },
    loginPort,
    ports,
    tapPort,
    urls: { storefront: loopback(ports.storefront), orders: loopback(tapPort), ledger: loopback(ports.ledger) },
    issuers: { shop: issuerOn(shop), bank: issuerOn(bank), login: `https://127.0.0.1:${loginPort}` },
  }
}

function loopback(port: number): string {
  return `http://127.0.0.1:${port}`
}
