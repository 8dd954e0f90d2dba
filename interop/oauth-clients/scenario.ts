import type { webcrypto } from 'node:crypto'

/** Who is who in the flows, and what both sides know of it. */
export const CLUSTER = 'https://kubernetes.default.svc.cluster.local'
export const WORKLOAD = 'system:serviceaccount:test:default'
/** Tells the cluster's subjects from registered clients. */
export const PREFIX = 'k8s:'
/** The workload as tokens of the service name it. */
export const LOCAL_WORKLOAD = `${PREFIX}${WORKLOAD}`
export const GATEWAY = 'https://gateway.example'
export const ORDERS = 'https://orders.example'
export const DOMAIN = 'oauth.example'

/** Handed to a client's program as JSON. */
export interface Scenario {
  readonly issuer: string
  /** Private keys, as JWK: of the cluster, and of the two registered clients. */
  readonly clusterKey: webcrypto.JsonWebKey
  readonly gatewayKey: webcrypto.JsonWebKey
  readonly ordersKey: webcrypto.JsonWebKey
}

/** @param spiffeIds of the clients' programs */
export function rulesFor(spiffeIds: readonly string[]): object {
  const workload = { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] }
  const gateway = { profile: 'registered-client', issuer: 'clients', subject: ['gateway'] }
  const toOrders = { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read'] }
  const toGateway = { profile: 'access-token', audience: [GATEWAY], scopes: ['orders.read', 'orders.write'] }
  const own = (profile: string) => ({ profile, issuer: DOMAIN, subject: spiffeIds })
  const credentials = 'client_credentials'
  return {
    rules: [
      { name: 'workload to gateway', grant: credentials, subject: workload, to: toGateway },
      { name: 'gateway for itself', grant: credentials, subject: gateway, to: toOrders },
      { name: 'by JWT-SVID', grant: credentials, subject: own('jwt-svid'), to: toOrders },
      { name: 'by WIT', grant: credentials, subject: own('wit'), to: toOrders },
      {
        name: 'gateway for the workload',
        grant: 'token-exchange',
        subject: { profile: 'access-token', issuer: 'self', subject: [LOCAL_WORKLOAD], audience: [GATEWAY] },
        client: gateway,
        to: toOrders,
      },
    ],
    resourceServers: [
      { client: { profile: 'registered-client', issuer: 'clients', subject: ['orders'] }, audience: [ORDERS] },
    ],
  }
}
