/** Every kind of token in every place where a token may stand: each is what it is, and nothing else. */
import { DpopProofBuilder } from '@countersign/protocol/exchange'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { describe, expect, it, vi } from 'vitest'
import {
  type AttackWorld,
  bearerForm,
  credentialsForm,
  expectRefusal,
  FOR_TRANSACTION,
  GRANT,
  startAttackWorld,
  TYPE,
} from '../../test-support/attack-world.ts'
import { CertificateMaker } from '../../test-support/certificate-maker.ts'
import type { Reply } from '../../test-support/http-call.ts'
import { ORDERS, TOKEN_ENDPOINT } from '../../test-support/token-service-world.ts'

// A whole server, and hundreds of requests to it.
vi.setConfig({ testTimeout: 120_000 })

const SPIFFE_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'

/** Made anew for each use: some are good once. */
async function tokensOf(test: AttackWorld): Promise<Readonly<Record<string, () => string | Promise<string>>>> {
  const own = await test.granted(test.exchange(test.accessToken(), TYPE.access))
  const txn = await test.granted(test.exchange(test.accessToken(), TYPE.access, FOR_TRANSACTION))
  const svid = await (await CertificateMaker.create('example.org')).svid('spiffe://example.org/gateway')
  return {
    'service account token': () => test.serviceAccountToken(),
    'ID token': () => test.idToken(),
    'access token of another server': () => test.accessToken(),
    'access token of this service': () => own,
    'JWT-SVID': () => test.jwtSvid(),
    WIT: () => test.wit,
    'authorization grant': () => test.grant(),
    'transaction token': () => txn,
    'self-signed token': () => test.selfSigned(),
    'unsigned JSON': () => JSON.stringify({ sub: 'alice' }),
    'assertion of a registered client': () => test.assertion(),
    'DPoP proof': () => test.dpop(test.key),
    'proof of a WIT': () => test.witFields()['workload-proof-token'] ?? '',
    'X509-SVID of nobody who is connected': () => svid.cert,
    'refresh token': () => 'b3BhcXVl',
  }
}

interface Place {
  /** Tokens that are taken here. All others are refused. */
  readonly takes: readonly string[]
  readonly error: string
  ask(test: AttackWorld, token: string): Promise<Reply>
}

const ACCESS = ['access token of another server', 'access token of this service']
const PARTY: Readonly<Record<string, readonly string[]>> = {
  [TYPE.access]: ACCESS,
  [TYPE.id]: ['ID token'],
  [TYPE.jwt]: ['service account token', 'JWT-SVID', ...ACCESS],
  [TYPE.jwtSvid]: ['JWT-SVID'],
  [TYPE.x509Svid]: [],
  [TYPE.wit]: ['WIT'],
  [TYPE.refresh]: [],
}

const PLACES: Readonly<Record<string, Place>> = {
  'client assertion': {
    takes: ['service account token', 'assertion of a registered client'],
    error: '401 invalid_client',
    ask: (test, token) => test.post(credentialsForm(token)),
  },
  'client assertion of SPIFFE': {
    takes: ['JWT-SVID'],
    error: '401 invalid_client',
    ask: (test, token) => test.post(credentialsForm(token, SPIFFE_ASSERTION)),
  },
  'identity token of the request': {
    takes: ['WIT'],
    error: '401 invalid_client',
    ask: (test, token) =>
      test.post({ grant_type: 'client_credentials', audience: ORDERS }, test.witFields(token.replaceAll('\n', ' '))),
  },
  'authorization grant': {
    takes: ['authorization grant'],
    error: '400 invalid_grant',
    ask: (test, token) => test.post(bearerForm(token)),
  },
  'DPoP proof': {
    takes: ['DPoP proof'],
    error: '400 invalid_dpop_proof',
    ask: (test, token) => test.post(credentialsForm(test.serviceAccountToken()), { dpop: token.replaceAll('\n', ' ') }),
  },
  ...Object.fromEntries(
    Object.entries(PARTY).flatMap(([type, takes]): [string, Place][] => [
      [
        `subject of type ${type}`,
        { takes, error: '400 invalid_request', ask: (test, token) => test.exchange(token, type) },
      ],
      [
        `actor of type ${type}`,
        {
          takes,
          error: '400 invalid_request',
          ask: (test, token) =>
            test.exchange(test.accessToken(), TYPE.access, { actor_token: token, actor_token_type: type }),
        },
      ],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({
      [TYPE.txn]: ['transaction token'],
      [TYPE.selfSigned]: ['self-signed token'],
      [TYPE.unsigned]: ['unsigned JSON'],
    }).flatMap(([type, takes]): [string, Place][] => [
      [
        `subject of type ${type}`,
        { takes, error: '400 invalid_request', ask: (test, token) => test.exchange(token, type, FOR_TRANSACTION) },
      ],
      [
        `actor of type ${type}`,
        {
          takes: [],
          error: '400 invalid_request',
          ask: (test, token) =>
            test.exchange(test.accessToken(), TYPE.access, { actor_token: token, actor_token_type: type }),
        },
      ],
    ]),
  ),
}

describe('a token of one type in the place of another', () => {
  it('is refused, in every place, and that of the right type is taken', async () => {
    const test = await startAttackWorld()
    const tokens = Object.entries(await tokensOf(test))
    for (const [place, { takes, error, ask }] of Object.entries(PLACES)) {
      for (const [name, make] of tokens) {
        const token = await make()
        const reply = await ask(test, token)
        const context = `${name} as ${place}: ${reply.text}`
        if (takes.includes(name)) expect(reply.status, context).toBe(200)
        else {
          expect(`${reply.status} ${reply.body?.error}`, context).toBe(error)
          expectRefusal(reply, error, [token])
        }
      }
    }
    const refused = test.log.events('token.refused')
    expect(refused.length).toBeGreaterThan(0)
    for (const [, make] of tokens.filter(([name]) => name !== 'refresh token')) {
      const [, , signature = 'none of its own'] = (await make()).split('.')
      expect(test.log.text).not.toContain(signature)
    }
  })

  it('is refused by the proof of another key as well: a WIT is no JWT-SVID that happens to be bound', async () => {
    const test = await startAttackWorld()
    const stolen = { 'workload-identity-token': test.wit }
    const bare = await test.post({ grant_type: 'client_credentials', audience: ORDERS }, stolen)
    expectRefusal(bare, '401 invalid_client')
    // A DPoP proof of another key does not make it the sender's.
    const dpop = new DpopProofBuilder(test.clusterKey, nodeCrypto).build({
      method: 'POST',
      url: TOKEN_ENDPOINT,
      now: test.clock.now(),
    }) as string
    const form = {
      ...credentialsForm(test.serviceAccountToken()),
      grant_type: GRANT.exchange,
      subject_token: test.wit,
      subject_token_type: TYPE.wit,
    }
    expectRefusal(await test.post(form, { dpop }), '400 invalid_request')
  })
})
