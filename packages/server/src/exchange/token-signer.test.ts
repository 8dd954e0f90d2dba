import { CryptoPool, nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode } from '@countersign/testing'
import { expect, it } from 'vitest'
import { HoldError } from '../recovery/hold-error.ts'
import { openTestAuthorities } from '../test-support/test-authorities.ts'
import { ServerTokenSigner } from './token-signer.ts'

it('signs nothing while the server is on hold', async () => {
  const { authorities, issuer, clock } = await openTestAuthorities()
  let isHeld = true
  const gate = {
    requireOpen() {
      if (isHeld) throw new HoldError('ERR_HOLD_CLOCK', 'the clock cannot be right')
    },
  }
  const signer = new ServerTokenSigner({
    ...{ authorities, issuer, clock, gate, crypto: nodeCrypto, pool: new CryptoPool() },
    certificates: { recordExchanged: async () => {} },
    issuanceRate: { take() {} },
  })
  await expectCode(() => signer.oauthKey(), 'ERR_HOLD_CLOCK')
  isHeld = false
  await expectCode(() => signer.oauthKey(), 'ERR_AUTHORITY_NONE_ACTIVE')
  expect(signer.newId()).toMatch(/^[\w-]{22}$/)
})
