/** A server with a token service, a cluster that it knows, and a client that asks it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DpopProofBuilder } from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { encodeToken, FakeClock } from '@countersign/testing'
import { callHttps, type Reply } from './http-call.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { startTestServer, type TestServer } from './test-server.ts'

export const ISSUER = 'https://id.example.org/oauth2'
export const TOKEN_ENDPOINT = 'https://id.example.org/oauth2/token'
export const CLUSTER = 'https://kubernetes.default.svc.cluster.local'
export const WORKLOAD = 'system:serviceaccount:test:default'
export const ORDERS = 'https://orders.example'

/** Lets the workload of the founding paper have a token for orders. */
export const WORKLOAD_RULE = {
  name: 'orders',
  grant: 'client_credentials',
  subject: { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] },
  to: { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read', 'orders.write'] },
}

export interface TokenServiceOptions {
  readonly rules?: readonly object[]
  readonly resourceServers?: readonly object[]
  /** Changes to the cluster's configuration. */
  readonly cluster?: object
  readonly issuers?: readonly object[]
  readonly tokenService?: object
  readonly config?: object
  readonly dataDir?: string
  readonly clock?: FakeClock
  readonly clusterKey?: NodeSigningKey
}

export interface TokenServiceWorld extends TestServer {
  readonly clusterKey: NodeSigningKey
  /** A projected service account token, as an API server writes it. */
  serviceAccountToken(claims?: object, header?: object): string
  /** Posts a form to the token endpoint. */
  post(form: Readonly<Record<string, string>> | string, headers?: Record<string, string>, path?: string): Promise<Reply>
  /** `client_credentials` with a service account token. */
  ask(token: string, form?: Readonly<Record<string, string>>, headers?: Record<string, string>): Promise<Reply>
  dpop(key: NodeSigningKey, nonce?: string): string
}

export async function startTokenService(options: TokenServiceOptions = {}): Promise<TokenServiceWorld> {
  const dataDir = options.dataDir ?? (await temporaryFolder())
  const clusterKey = options.clusterKey ?? generateSigningKey('RS256', { kid: 'cluster-1' })
  const rulesFile = join(dataDir, 'rules.yaml')
  await writeFile(
    rulesFile,
    JSON.stringify({ rules: options.rules ?? [WORKLOAD_RULE], resourceServers: options.resourceServers ?? [] }),
  )
  const clock = options.clock ?? new FakeClock()
  const cluster = {
    name: 'cluster',
    issuer: CLUSTER,
    profiles: ['service-account'],
    jwks: { keys: [clusterKey.publicJwk] },
    ...options.cluster,
  }
  const test = await startTestServer({
    dataDir,
    clock,
    config: {
      ...options.config,
      tokenService: {
        issuer: ISSUER,
        rulesFile,
        issuers: [cluster, ...(options.issuers ?? [])],
        ...options.tokenService,
      },
    },
  })
  const { origin } = new URL(test.server.publicUrl)
  const post = (
    form: Readonly<Record<string, string>> | string,
    headers: Record<string, string> = {},
    path = '/oauth2/token',
  ) =>
    callHttps(`${origin}${path}`, {
      method: 'POST',
      text: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
  return {
    ...test,
    clusterKey,
    post,
    ask: (token, form = {}, headers) =>
      post({ ...assertionForm(token), grant_type: 'client_credentials', ...form }, headers),
    serviceAccountToken(claims = {}, header = {}) {
      const now = clock.now()
      return encodeToken(
        { alg: 'RS256', kid: 'cluster-1', ...header },
        {
          aud: [ISSUER],
          exp: now + 3600,
          iat: now,
          iss: CLUSTER,
          'kubernetes.io': {
            namespace: 'test',
            pod: { name: 'simpleapp-5d7dcf96df-n7csk', uid: '9fc443d7-5c7a-48d5-9679-0ee03b17d4c5' },
            serviceaccount: { name: 'default', uid: '0bea3006-fb60-49a3-bc80-7e6884d378ae' },
          },
          nbf: now,
          sub: WORKLOAD,
          ...claims,
        },
        clusterKey,
      )
    },
    dpop(key, nonce) {
      const content = {
        method: 'POST',
        url: TOKEN_ENDPOINT,
        now: clock.now(),
        ...(nonce === undefined ? {} : { nonce }),
      }
      return new DpopProofBuilder(key, nodeCrypto).build(content) as string
    },
  }
}

/** The parameters by which a client shows its assertion. */
export function assertionForm(token: string): Readonly<Record<string, string>> {
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: token,
  }
}

/** Status and OAuth error of an answer. */
export function oauthError(reply: Reply): string {
  return `${reply.status} ${reply.body?.error}`
}
