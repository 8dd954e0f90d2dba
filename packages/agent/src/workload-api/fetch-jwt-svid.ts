import { create } from '@bufbuild/protobuf'
import {
  type JWTSVIDRequest,
  type JWTSVIDResponse,
  JWTSVIDResponseSchema,
  JWTSVIDSchema,
} from '@countersign/workload-api/server'
import type { Caller } from './caller.ts'
import { handleUnary } from './handle-unary.ts'
import { assignHints } from './hints.ts'
import { issueForEntries } from './issue-for-entries.ts'
import { selectEntries, validateRequestedIdentity } from './requested-identity.ts'
import { requireStillEntitled } from './require-still-entitled.ts'
import { keepWhatFits } from './response-limit.ts'
import { invalidArgument } from './rpc-error.ts'
import type { AnswerContext, ServiceContext } from './service-context.ts'

/** What the server accepts in one request. */
const MAX_AUDIENCES = 16
const MAX_AUDIENCE_LENGTH = 2048

/** `FetchJWTSVID`: one token for each identity of the caller. @see SPIFFE Workload API section 6.2.1 */
export function fetchJwtSvid(context: ServiceContext) {
  return handleUnary<JWTSVIDRequest, JWTSVIDResponse>(context, {
    validate: validateJwtSvidRequest,
    answer: (request, caller) => answerJwtSvid(context, request, caller),
  })
}

export type AskedJwtSvid = Pick<JWTSVIDRequest, 'audience' | 'spiffeId'>

/** @throws RpcError INVALID_ARGUMENT */
export function validateJwtSvidRequest({ audience, spiffeId }: AskedJwtSvid): void {
  validateAudience(audience)
  validateRequestedIdentity(spiffeId)
}

/**
 * Tokens of one program.
 *
 * @throws RpcError PERMISSION_DENIED when it does not have the identity that is asked for; UNAVAILABLE when it lost one meanwhile
 */
export async function answerJwtSvid(
  context: AnswerContext,
  request: AskedJwtSvid,
  caller: Caller,
): Promise<JWTSVIDResponse> {
  const { issuer, log } = context
  const entries = selectEntries(caller, request.spiffeId)
  const { issued } = await issueForEntries(context, entries, (entry) => issuer.jwtSvid(entry, request.audience))
  requireStillEntitled(context, caller, entries)
  const hints = assignHints(entries, log)
  const svids = issued.map(({ entry, credential }) =>
    create(JWTSVIDSchema, {
      spiffeId: credential.spiffeId,
      svid: credential.token,
      hint: hints.get(entry.id) ?? '',
    }),
  )
  return create(JWTSVIDResponseSchema, { svids: keepWhatFits(svids, 0, context) })
}

function validateAudience(audience: readonly string[]): void {
  if (audience.length === 0) throw invalidArgument('audience is missing')
  if (audience.length > MAX_AUDIENCES) throw invalidArgument(`audience has more than ${MAX_AUDIENCES} members`)
  if (audience.some((each) => each === '' || each.length > MAX_AUDIENCE_LENGTH)) {
    throw invalidArgument(`audience has a member that is empty or longer than ${MAX_AUDIENCE_LENGTH} characters`)
  }
}
