import { WptBuilder } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import type { Attack } from '../attack.ts'
import { fieldOf, send, withFields } from '../tap.ts'

export const stolenToken: Attack = {
  name: 'stolen-token',
  title: 'a stolen identity token, with a proof by another key',
  expectedCode: 'ERR_PROOF_SIGNATURE',
  async run({ captured, ports, urls }) {
    const proofs = new WptBuilder(fieldOf(captured, 'workload-identity-token'), generateSigningKey('ES256'), nodeCrypto)
    const proof = await proofs.build({
      audience: `${urls.orders}${captured.target}`,
      now: Math.floor(Date.now() / 1000),
      accessToken: fieldOf(captured, 'authorization').replace('Bearer ', ''),
    })
    return send(ports.orders, withFields(captured, { 'workload-proof-token': proof }))
  },
}
