import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Logger } from '@countersign/plugin-kit'
import { errorCode, SIGNATURE_ALGORITHMS, WorkloadIdentityError } from '@countersign/protocol'
import { ATTESTATION_FIELDS, OAuthError, TOKEN_TYPES } from '@countersign/protocol/exchange'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { asAway } from '../../exchange/as-oauth-error.ts'
import type { TokenService } from '../../exchange/open-token-service.ts'
import { MAX_FORM_BYTES, parseForm } from '../../exchange/parse-form.ts'
import type { TokenRequest } from '../../exchange/token-request.ts'
import { HoldError } from '../../recovery/hold-error.ts'
import type { IssuanceGate } from '../../recovery/issuance-gate.ts'
import { readPeerChain } from '../../tls/peer-chain.ts'
import { sendCacheable } from './send-cacheable.ts'

export interface OAuthRoutesOptions {
  readonly tokenService: TokenService
  /** How long keys and metadata may be kept, in seconds. */
  readonly refreshHintSeconds: number
  readonly gate: Pick<IssuanceGate, 'requireOpen'>
  readonly now: () => number
  readonly log: Logger
}

const FORM = 'application/x-www-form-urlencoded'

/**
 * The OAuth authorization server's endpoints. Like OpenID Connect discovery, what they say of themselves comes from the
 * configuration, and nothing of a request is in it.
 *
 * @see RFC 6749 section 3.2, RFC 8414 section 3
 */
export function addOAuthRoutes(app: FastifyInstance, options: OAuthRoutesOptions): void {
  const { tokenService, refreshHintSeconds, gate, now, log } = options
  const { urls, keys, endpoint, nonces, challenges } = tokenService
  app.addContentTypeParser(
    FORM,
    // As received: a digest may cover it.
    { parseAs: 'buffer', bodyLimit: MAX_FORM_BYTES },
    async (_request: unknown, body: Buffer) => body,
  )
  for (const path of urls.metadataPaths) {
    app.get(
      path,
      { schema: { summary: 'Metadata of the authorization server (RFC 8414)' } },
      async (request, reply) => {
        const metadata = formatMetadata(tokenService)
        return sendCacheable(
          request,
          reply,
          { version: versionOf(metadata), maxAgeSeconds: refreshHintSeconds },
          metadata,
        )
      },
    )
  }
  app.get(urls.paths.jwks, { schema: { summary: 'Keys that sign access tokens' } }, async (request, reply) => {
    const set = keys.toJwkSet()
    return sendCacheable(request, reply, { version: versionOf(set), maxAgeSeconds: refreshHintSeconds }, set)
  })
  const errorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    logRefusal(log, request, error)
    return sendOAuthError(reply, error, urls.issuer)
  }
  const addEndpoint = (path: string, summary: string, answer: (request: TokenRequest) => Promise<object>) =>
    app.post(path, { schema: { summary, consumes: [FORM] }, errorHandler }, async (request, reply) => {
      // By a wrong clock what was used would be forgotten, and what is over believed.
      gate.requireOpen()
      const at = now()
      if (nonces !== undefined) reply.header('dpop-nonce', nonces.current(at))
      if (challenges !== undefined) reply.header(ATTESTATION_FIELDS.challenge, challenges.current(at))
      reply.header('pragma', 'no-cache')
      const response = await answer(toTokenRequest(request, at))
      return reply.type('application/json').send(response)
    })
  addEndpoint(urls.paths.token, 'Token endpoint (RFC 6749, RFC 8693)', (request) => endpoint.handle(request))
  addEndpoint(urls.paths.introspection, 'Introspection endpoint (RFC 7662)', (request) =>
    tokenService.introspect(request),
  )
  addEndpoint(urls.paths.revocation, 'Revocation endpoint (RFC 7009)', async (request) => {
    await tokenService.revoke(request)
    return {}
  })
  if (hasChallengeEndpoint(tokenService)) addChallengeEndpoint(app, options, errorHandler)
}

/** Whoever gives nothing to put into proofs needs no place to ask for it. */
function hasChallengeEndpoint({ nonces, challenges }: TokenService): boolean {
  return nonces !== undefined || challenges !== undefined
}

/** draft-ietf-oauth-attestation-based-client-auth-11, section 6.3. What a request to it says does not matter. */
function addChallengeEndpoint(
  app: FastifyInstance,
  { tokenService, gate, now }: OAuthRoutesOptions,
  errorHandler: (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply,
): void {
  const { urls, nonces, challenges } = tokenService
  const schema = { summary: 'Challenge endpoint, for proofs of client attestations' }
  app.post(urls.paths.challenge, { schema, errorHandler }, async (_request, reply) => {
    gate.requireOpen()
    const at = now()
    if (nonces !== undefined) reply.header('dpop-nonce', nonces.current(at))
    return reply.send(challenges === undefined ? {} : { attestation_challenge: challenges.current(at) })
  })
}

function toTokenRequest(request: FastifyRequest, now: number): TokenRequest {
  const { body, raw } = request
  if (!Buffer.isBuffer(body)) throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', `body must be of type ${FORM}`)
  // RFC 6749 section 3.2: parameters come in the body. In the URL they would be in logs.
  if (request.url.includes('?')) throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'parameters must be in the body')
  const socket = raw.socket as TLSSocket
  return {
    parameters: parseForm(body.toString('utf8')),
    body,
    rawHeaders: raw.rawHeaders,
    target: raw.url ?? '/',
    get peerChain() {
      return readPeerChain(socket)
    },
    now,
  }
}

/** RFC 6749 section 5.2. */
function sendOAuthError(reply: FastifyReply, error: unknown, issuer: string): FastifyReply {
  const refusal = toOAuthError(error)
  if (refusal.status === 401) reply.header('www-authenticate', `Bearer realm="${issuer}", error="${refusal.error}"`)
  return reply
    .code(refusal.status)
    .type('application/json')
    .serializer((data: unknown) => JSON.stringify(data))
    .send({ error: refusal.error, error_description: refusal.description })
}

function toOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error
  if (error instanceof HoldError) {
    return new OAuthError('ERR_OAUTH_TEMPORARILY_UNAVAILABLE', error.message, { cause: error })
  }
  const { code, statusCode } = (error ?? {}) as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || code === 'FST_ERR_CTP_EMPTY_TYPE') {
    return new OAuthError('ERR_OAUTH_INVALID_REQUEST', `body must be of type ${FORM}`, { cause: error })
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new OAuthError('ERR_OAUTH_INVALID_REQUEST', `body is larger than ${MAX_FORM_BYTES} bytes`, { cause: error })
  }
  const isClients = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
  const isShape = error instanceof WorkloadIdentityError && error.code.startsWith('ERR_HTTP_')
  if (isClients || isShape) {
    return new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'request cannot be read', { cause: error })
  }
  return asAway(error) ?? new OAuthError('ERR_OAUTH_SERVER_ERROR', 'internal error', { cause: error })
}

/** What is told once, when it begins, and not with each request. */
const READINESS_TELLS: ReadonlySet<string> = new Set(['ERR_AUTHORITY_NONE_ACTIVE', 'ERR_STORE_UNWRITABLE'])

/** Refusals are not louder than elsewhere: anyone who can connect could fill the log. */
function logRefusal(log: Logger, request: FastifyRequest, error: unknown): void {
  const { code, detail, status } = toOAuthError(error)
  const route = request.routeOptions.url ?? ''
  const isTold = error instanceof HoldError || READINESS_TELLS.has(errorCode(error) ?? '')
  if (status >= 500 && !isTold) {
    log.error({ route, code, detail, err: error }, 'token request failed')
  } else log.debug({ route, code, detail }, 'token request refused')
}

/** RFC 8414 section 2. */
function formatMetadata(tokenService: TokenService) {
  const { urls, metadata } = tokenService
  return {
    issuer: urls.issuer,
    token_endpoint: urls.tokenEndpoint,
    jwks_uri: urls.jwksUri,
    introspection_endpoint: urls.introspectionEndpoint,
    introspection_endpoint_auth_methods_supported: metadata.authMethods,
    introspection_endpoint_auth_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    revocation_endpoint: urls.revocationEndpoint,
    revocation_endpoint_auth_methods_supported: metadata.authMethods,
    revocation_endpoint_auth_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    response_types_supported: [],
    grant_types_supported: metadata.grantTypes,
    token_endpoint_auth_methods_supported: metadata.authMethods,
    token_endpoint_auth_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    dpop_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    ...(hasChallengeEndpoint(tokenService) ? { challenge_endpoint: urls.challengeEndpoint } : {}),
    client_attestation_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    client_attestation_pop_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    client_attestation_pop_methods_supported: metadata.popMethods,
    ...(metadata.clientCertificates ? { tls_client_certificate_bound_access_tokens: true } : {}),
    identity_chaining_requested_token_types_supported: [TOKEN_TYPES.jwt],
  }
}

function versionOf(document: object): string {
  return createHash('sha256').update(JSON.stringify(document)).digest('base64url')
}
