import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import type { ServerStatus } from '@countersign/api'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import type { Attack } from '../attack.ts'

export const reusedJoinToken: Attack = {
  name: 'reused-join-token',
  title: 'a second machine that joins with a used join token',
  expectedCode: 'ERR_ATTESTATION_TOKEN_UNKNOWN',
  async run({ shop }) {
    const { listeners } = await shop.admin.get<ServerStatus>('/v1/status')
    const token = readFileSync(join(shop.agentFolder, 'join-token'), 'utf8')
    const body = JSON.stringify({
      attestor: 'join-token',
      evidence: { token },
      publicKey: generateSigningKey('ES256').publicJwk,
    })
    return new Promise((resolve, reject) => {
      const call = request(
        `${listeners.machine}/v1/agent/attest`,
        // The attacker does not care whom it talks to.
        { method: 'POST', rejectUnauthorized: false, headers: { 'content-type': 'application/json' }, timeout: 10_000 },
        async (answer) => {
          const problem = (await json(answer)) as { code?: string }
          resolve({ status: answer.statusCode ?? 0, code: problem.code })
        },
      )
      call.once('error', reject)
      call.end(body)
    })
  },
}
