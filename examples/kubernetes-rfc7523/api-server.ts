import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type HttpsServer, startHttpsServer } from './https-server.ts'

/** What a `serviceAccountToken` volume asks for. */
export interface TokenRequest {
  readonly namespace: string
  readonly serviceAccount: string
  readonly audience: string
  readonly expirationSeconds: number
}

const JWKS_PATH = '/openid/v1/jwks'
const JWKS_TYPE = 'application/jwk-set+json'
const POD = { name: 'orders-client', uid: '9fc443d7-5c7a-48d5-9679-0ee03b17d4c5' }
const SERVICE_ACCOUNT_UID = '0bea3006-fb60-49a3-bc80-7e6884d378ae'

/**
 * Says what an API server of Kubernetes says to the world about its service accounts: discovery, keys and tokens in their
 * exact shapes. The rest of it is not here.
 */
export class ApiServer {
  readonly #key: SigningKey
  readonly #web: HttpsServer

  private constructor(key: SigningKey, web: HttpsServer) {
    this.#key = key
    this.#web = web
  }

  static async start(): Promise<ApiServer> {
    const key = makeKey()
    const web = await startHttpsServer((request, response, origin) => answer(request, response, origin, key))
    return new ApiServer(key, web)
  }

  get issuer(): string {
    return this.#web.origin
  }

  /** PEM of the cluster's CA. */
  get caPem(): string {
    return this.#web.rootPem
  }

  /**
   * A projected token, as of API servers without ServiceAccountTokenJTI: no `jti`, no `typ`, and the cluster as issuer of
   * what it says about the workload. Later ones add `jti`, and `node` and `warnafter` to `kubernetes.io`.
   *
   * @param issuedAt seconds since the epoch
   */
  issueToken({ namespace, serviceAccount, audience, expirationSeconds }: TokenRequest, issuedAt: number): string {
    const claims = {
      aud: [audience],
      exp: issuedAt + expirationSeconds,
      iat: issuedAt,
      iss: this.issuer,
      'kubernetes.io': { namespace, pod: POD, serviceaccount: { name: serviceAccount, uid: SERVICE_ACCOUNT_UID } },
      nbf: issuedAt,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    }
    const input = [{ alg: 'RS256', kid: this.#key.kid }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    return `${input}.${sign('RSA-SHA256', Buffer.from(input), this.#key.privateKey).toString('base64url')}`
  }

  stop(): void {
    this.#web.stop()
  }
}

interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: object
}

/** Names the key as the API server does: by the hash of its SubjectPublicKeyInfo. */
function makeKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const kid = createHash('sha256').update(spki).digest('base64url')
  const { kty, n, e } = publicKey.export({ format: 'jwk' })
  return { kid, privateKey, jwk: { use: 'sig', kty, kid, alg: 'RS256', n, e } }
}

function answer(request: IncomingMessage, response: ServerResponse, origin: string, key: SigningKey): void {
  // The API server is strict: whoever asks for application/json alone gets no keys.
  const accepted = request.headers.accept ?? '*/*'
  const isAccepted = accepted.includes('*/*') || accepted.includes(JWKS_TYPE)
  if (request.url === '/.well-known/openid-configuration') send(response, 'application/json', metadataOf(origin))
  else if (request.url !== JWKS_PATH) response.writeHead(404).end()
  else if (!isAccepted) response.writeHead(406).end()
  else send(response, JWKS_TYPE, { keys: [key.jwk] })
}

function metadataOf(origin: string): object {
  return {
    issuer: origin,
    jwks_uri: `${origin}${JWKS_PATH}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  }
}

function send(response: ServerResponse, type: string, body: object): void {
  response.writeHead(200, { 'content-type': type, 'cache-control': 'public, max-age=3600' }).end(JSON.stringify(body))
}
