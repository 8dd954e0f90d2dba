/** A token service with a gateway that begins transactions for users of a login server, and a broker that goes on with them. */
import { WptBuilder } from '@countersign/protocol'
import { AccessTokenIssuer } from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { encodeToken } from '@countersign/testing'
import type { Reply } from './http-call.ts'
import { createEntry } from './machine-requests.ts'
import { ISSUER, startTokenService, TOKEN_ENDPOINT, type TokenServiceWorld } from './token-service-world.ts'

export const TYPE = {
  access: 'urn:ietf:params:oauth:token-type:access_token',
  txn: 'urn:ietf:params:oauth:token-type:txn_token',
  selfSigned: 'urn:ietf:params:oauth:token-type:self_signed',
  unsigned: 'urn:ietf:params:oauth:token-type:unsigned_json',
  refresh: 'urn:ietf:params:oauth:token-type:refresh_token',
}
export const GATEWAY = 'spiffe://example.org/gateway'
export const BROKER = 'spiffe://example.org/broker'
const LOGIN = 'https://login.example'

const party = (id: string) => ({ profile: 'wit', issuer: 'example.org', subject: [id] })
const toTransaction = {
  profile: 'transaction-token',
  audience: ['example.org'],
  scopes: ['trade.read', 'trade.stocks'],
  binding: 'none',
}
const again = { profile: 'transaction-token', issuer: 'self', anySubject: true, audience: ['example.org'] }

/** The gateway begins transactions for users and for itself; the broker goes on with them, and may add a quote. */
export const TRANSACTION_RULES = [
  {
    name: 'begin',
    grant: 'token-exchange',
    subject: { profile: 'access-token', issuer: 'login', anySubject: true },
    client: party(GATEWAY),
    to: { ...toTransaction, details: ['action', 'ticker', 'groups'], context: ['req_ip'], claims: ['groups'] },
  },
  {
    name: 'go-on',
    grant: 'token-exchange',
    subject: again,
    client: party(BROKER),
    to: { ...toTransaction, details: ['action', 'quote'], context: ['hop'] },
  },
  {
    name: 'nightly',
    grant: 'token-exchange',
    subject: { profile: 'self-signed', issuer: 'example.org', subject: ['nightly'] },
    client: party(GATEWAY),
    to: toTransaction,
  },
  {
    name: 'mail',
    grant: 'token-exchange',
    subject: { profile: 'unsigned-json', issuer: 'example.org', anySubject: true },
    client: party(GATEWAY),
    to: { ...toTransaction, scopes: ['trade.read'] },
  },
]

export interface Workload {
  readonly key: NodeSigningKey
  readonly wit: string
}

export interface TransactionWorld extends TokenServiceWorld {
  readonly gateway: Workload
  readonly broker: Workload
  readonly loginKey: NodeSigningKey
  /** An access token of the login server, for the gateway to bring. */
  alice(change?: object): string
  /** A JWT that the gateway signed itself. */
  selfSigned(change?: object, key?: NodeSigningKey): string
  /** Asks for a transaction token, with the proof of a workload. */
  begin(subject: string, form?: Readonly<Record<string, string>>, workload?: Workload): Promise<Reply>
  /** Asks for one in place of another, as the broker. */
  replace(txnToken: string, form?: Readonly<Record<string, string>>, workload?: Workload): Promise<Reply>
}

export async function startTransactionService(rules: readonly object[] = TRANSACTION_RULES): Promise<TransactionWorld> {
  const loginKey = generateSigningKey('ES256', { kid: 'login-1' })
  const test = await startTokenService({
    rules,
    cluster: { subjectPrefix: 'k8s/' },
    issuers: [
      {
        name: 'login',
        issuer: LOGIN,
        profiles: ['access-token'],
        jwks: { keys: [loginKey.publicJwk] },
        subjectPrefix: 'login/',
        claims: { groups: 'groups' },
      },
    ],
  })
  const agent = await test.attestedAgent()
  const workloadOf = async (spiffeId: string): Promise<Workload> => {
    const { id: entryId } = await createEntry(test, agent, { spiffeId })
    const key = generateSigningKey('ES256')
    const body = { requests: [{ entryId, publicKey: key.publicJwk }] }
    const reply = await agent.call('/v1/agent/wit-svids', { body })
    return { key, wit: reply.body.svids[0].wit.token }
  }
  const gateway = await workloadOf(GATEWAY)
  const broker = await workloadOf(BROKER)
  const now = () => test.clock.now()
  const witFields = ({ wit, key }: Workload) => ({
    'workload-identity-token': wit,
    'workload-proof-token': new WptBuilder(wit, key, nodeCrypto).build({
      audience: TOKEN_ENDPOINT,
      now: now(),
    }) as string,
  })
  const ask = (type: string, subject: string, form: Readonly<Record<string, string>>, workload: Workload) =>
    test.post(
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_token_type: TYPE.txn,
        audience: 'example.org',
        scope: 'trade.read',
        subject_token: subject,
        subject_token_type: type,
        ...form,
      },
      witFields(workload),
    )
  return {
    ...test,
    gateway,
    broker,
    loginKey,
    alice: (change = {}) =>
      new AccessTokenIssuer(loginKey, LOGIN).issue({
        subject: 'alice',
        audience: [ISSUER],
        clientId: 'browser',
        scopes: ['trade.read', 'trade.stocks', 'profile'],
        issuedAt: now(),
        expiresAt: now() + 500,
        id: 'id-1',
        claims: { groups: ['staff'] },
        ...change,
      }) as string,
    selfSigned: (change = {}, key = gateway.key) =>
      encodeToken(
        { alg: 'ES256' },
        { iss: GATEWAY, sub: 'nightly', aud: ISSUER, iat: now(), exp: now() + 60, ...change },
        key,
      ),
    begin: (subject, form = {}, workload = gateway) => ask(TYPE.access, subject, form, workload),
    replace: (txnToken, form = {}, workload = broker) => ask(TYPE.txn, txnToken, form, workload),
  }
}
