/** Token profile `transaction-token`: Transaction Tokens of draft-ietf-oauth-transaction-tokens. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { TransactionTokenIn } from './transaction-token-in.ts'
import { TransactionTokenOut } from './transaction-token-out.ts'

const TransactionTokenConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'transaction-token',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(TransactionTokenConfig, config),
  create: () => ({ in: new TransactionTokenIn(), out: new TransactionTokenOut() }),
})
