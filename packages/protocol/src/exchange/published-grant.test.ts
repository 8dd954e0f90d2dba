/** The grant that the draft itself prints, with the key that it prints for it. */
import { readFileSync } from 'node:fs'
import { expectCode } from '@countersign/testing'
import { expect, it } from 'vitest'
import { TrustedKeys } from '../bundle/trusted-keys.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { findOnly } from '../test-support/exchange-fixtures.ts'
import { InProcessReplayMemory } from '../verification/replay-memory.ts'
import { ChainingGrantVerifier } from './chaining-grant-verifier.ts'

const folder = new URL('../../../../conformance/vectors/oauth/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8')

const GRANT = read('identity-chaining-grant.jwt')
const ISSUED_AT = 1_695_287_692
const A = {
  name: 'a',
  url: 'https://as.a.example/auth',
  keys: new TrustedKeys([JSON.parse(read('identity-chaining-as-a-jwk.json'))], nodeCrypto),
}

function verify(now: number, issuer = 'https://as.b.example/auth') {
  const names = { issuer, tokenEndpoint: `${issuer}/token` }
  const verifier = new ChainingGrantVerifier({ crypto: nodeCrypto, names, replayMemory: new InProcessReplayMemory() })
  return verifier.verify(GRANT, findOnly(A), () => ({}), now)
}

it('is taken by the server that it is for', async () => {
  expect(await verify(ISSUED_AT)).toMatchObject({
    subject: 'johndoe@a.example',
    audience: ['https://as.b.example/auth'],
    scopes: undefined,
    id: undefined,
    actor: undefined,
  })
})

it('is taken by no other server, and not a minute later', async () => {
  await expectCode(() => verify(ISSUED_AT, 'https://as.c.example/auth'), 'ERR_CREDENTIAL_AUDIENCE')
  await expectCode(() => verify(ISSUED_AT + 120), 'ERR_CREDENTIAL_EXPIRED')
})
