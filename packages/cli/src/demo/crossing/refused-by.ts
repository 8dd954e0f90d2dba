import type { AttackResult } from '../attack.ts'
import type { DemoProgram } from '../demo-program.ts'
import type { TokenOutcome } from '../programs/token-request.ts'

/**
 * How a token service refused. To whoever asked it says an OAuth error and no more; which check failed, its operator finds in
 * the audit.
 */
export async function refusedBy(server: DemoProgram, { refused }: TokenOutcome, reason: string): Promise<AttackResult> {
  if (refused === undefined) return { code: undefined }
  const [status = '', error = ''] = refused.split(' ')
  const isAudited = await server
    .waitFor((line) => line['event'] === 'token.refused' && line['reason'] === reason, `refusing for ${reason}`)
    .then(
      () => true,
      () => false,
    )
  return {
    status: Number(status),
    code: isAudited ? reason : refused,
    notes: [`the attacker is told: ${error}`],
  }
}
