import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WitIssuer, WorkloadId, WptBuilder } from '@countersign/protocol'
import { generateSigningKey, importSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import type { Attack } from '../attack.ts'
import { send, withFields } from '../tap.ts'

export const foreignIssuer: Attack = {
  name: 'foreign-issuer',
  title: "an identity of shop.example, signed with bank.example's own key",
  expectedCode: 'ERR_CREDENTIAL_KEY_UNKNOWN',
  async run({ captured, bank, ports, urls }) {
    const now = Math.floor(Date.now() / 1000)
    const key = generateSigningKey('ES256')
    const wit = await new WitIssuer(signingKeyOf(bank.keyFolder), 'wit-svid').issue({
      subject: WorkloadId.parse('spiffe://shop.example/storefront'),
      confirmationKey: key.publicJwk,
      now,
      ttlSeconds: 300,
    })
    const proof = await new WptBuilder(wit, key, nodeCrypto).build({
      audience: `${urls.orders}${captured.target}`,
      now,
    })
    return send(
      ports.orders,
      withFields(captured, {
        'workload-identity-token': wit,
        'workload-proof-token': proof,
        authorization: undefined,
      }),
    )
  },
}

/** Whoever runs a trust domain can read its keys: here, from the files of its key manager. */
function signingKeyOf(keyFolder: string) {
  const name = readdirSync(keyFolder).find((file) => file.startsWith('wit-'))
  if (name === undefined) throw new TypeError('the bank has no WIT signing key')
  const stored = JSON.parse(readFileSync(join(keyFolder, name), 'utf8')) as { pkcs8: string; kid?: string }
  const kid = stored.kid ?? name.replace(/\.json$/, '')
  return importSigningKey({ pkcs8: Buffer.from(stored.pkcs8, 'base64') }, 'ES256', { kid })
}
