/** A token service with what it trusts, and those who ask it. */
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, TrustDomain } from './trust-domain.ts'

const CLUSTER = 'https://kubernetes.default.svc.cluster.local'
const WORKLOAD = 'system:serviceaccount:test:default'
const LOGIN = 'https://login.example'

export interface TokenWorld {
  readonly issuer: string
  readonly domain: TrustDomain
  /** Public JWK of everybody who makes assertions and tokens here. */
  readonly clientKey: object
  /** Form with a platform's assertion, which may come again. */
  readonly platformForm: string
  /** Form by which the platform's workload exchanges a user's access token. */
  readonly exchangeForm: string
  /** Form with an assertion that a registered client makes for this request, and for one of another server. */
  clientForm(aud?: string, lifetime?: number): string
  stop(): void
}

export async function startTokenWorld(): Promise<TokenWorld> {
  const port = await freePort()
  const issuer = `https://localhost:${port}/oauth2`
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-rules-'))
  const rulesFile = join(folder, 'rules.yaml')
  writeFileSync(rulesFile, JSON.stringify(RULES))
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const clientKey = publicKey.export({ format: 'jwk' })
  const domain = await TrustDomain.start({
    public: { host: '127.0.0.1', port },
    tokenService: { issuer, rulesFile, ...parties(clientKey) },
  })
  const make = (header: object, claims: object, lifetime = 3600) => {
    const now = Math.floor(Date.now() / 1000)
    const parts = [
      { alg: 'ES256', ...header },
      { ...claims, iat: now, exp: now + lifetime },
    ]
    const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }
  const platform = make({ kid: 'cluster' }, { iss: CLUSTER, sub: WORKLOAD, aud: [issuer] })
  const user = { iss: LOGIN, sub: 'alice', aud: issuer, client_id: 'portal', scope: 'orders.read', jti: 'a' }
  const subjectToken = make({ kid: 'login', typ: 'at+jwt' }, user)
  return {
    ...{ issuer, domain, clientKey },
    platformForm: formOf('client_credentials', platform),
    exchangeForm: `${formOf(EXCHANGE, platform)}&subject_token=${subjectToken}&subject_token_type=${encodeURIComponent(
      'urn:ietf:params:oauth:token-type:access_token',
    )}`,
    clientForm: (aud = issuer, lifetime = 120) =>
      formOf(
        'client_credentials',
        make({ kid: 'bench' }, { iss: 'bench', sub: 'bench', aud, jti: randomUUID() }, lifetime),
      ),
    stop() {
      domain.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const TARGET = { profile: 'access-token', audience: ['https://orders.example'], scopes: ['orders.read'] }
const PLATFORM = { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] }
const RULES = {
  rules: [
    ...[PLATFORM, { profile: 'registered-client', issuer: 'clients', subject: ['bench'] }].map((subject) => ({
      ...{ name: subject.profile, grant: 'client_credentials', subject, to: TARGET },
    })),
    {
      ...{ name: 'exchange', grant: 'token-exchange', client: PLATFORM, to: TARGET },
      subject: { profile: 'access-token', issuer: 'login', anySubject: true },
    },
  ],
}

const parties = (jwk: object) => ({
  issuers: [
    {
      ...{ name: 'cluster', issuer: CLUSTER, profiles: ['service-account'], subjectPrefix: 'k8s:', reuse: true },
      jwks: { keys: [{ ...jwk, kid: 'cluster', alg: 'ES256' }] },
    },
    {
      ...{ name: 'login', issuer: LOGIN, profiles: ['access-token'], subjectPrefix: 'user:' },
      jwks: { keys: [{ ...jwk, kid: 'login', alg: 'ES256' }] },
    },
  ],
  clients: [{ id: 'bench', jwks: { keys: [{ ...jwk, kid: 'bench', alg: 'ES256' }] } }],
})

const formOf = (grant: string, assertion: string) =>
  `grant_type=${encodeURIComponent(grant)}&scope=orders.read&client_assertion_type=${encodeURIComponent(
    'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  )}&client_assertion=${assertion}`
