import { DpopProofBuilder } from '@countersign/protocol/exchange'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import type { VerifyAccessTokenOptions } from '../verification/resource-guard.ts'
import { Programs } from './programs.ts'
import { TokenService } from './token-service.ts'
import type { WireRequest } from './wire.ts'

export const RESOURCE = 'https://orders.example'
export const TARGET = '/v1/orders'

type TokenChange = Parameters<TokenService['token']>[0]
type ProofChange = Partial<Parameters<DpopProofBuilder['build']>[0]>

/** An authorization server, a client of it with a DPoP key, and what a resource server is told of both. */
export class AccessWorld {
  readonly programs: Programs
  readonly service: TokenService
  readonly proofs = new DpopProofBuilder(generateSigningKey('ES256'), nodeCrypto)

  private constructor(programs: Programs, service: TokenService) {
    this.programs = programs
    this.service = service
  }

  static async start(): Promise<AccessWorld> {
    const programs = new Programs()
    return new AccessWorld(programs, await TokenService.start(programs))
  }

  get clock(): Programs['clock'] {
    return this.programs.clock
  }

  options(change: Partial<VerifyAccessTokenOptions> = {}): VerifyAccessTokenOptions {
    const { runtime } = this.programs.connect('/orders')
    return { issuer: this.service.issuer, audience: RESOURCE, scopes: 'orders.read', runtime, ...change }
  }

  /** A token that is bound to the client's key. */
  boundToken(change: TokenChange = {}): string {
    return this.service.token({
      confirmation: { kind: 'jkt', thumbprint: this.proofs.thumbprint as string },
      ...change,
    })
  }

  /** A token that is bound to nothing. */
  bearerToken(change: TokenChange = {}): string {
    return this.service.token(change)
  }

  proof(accessToken: string, change: ProofChange = {}): string {
    const content = { method: 'POST', url: RESOURCE + TARGET, now: this.clock.now(), accessToken }
    return this.proofs.build({ ...content, ...change }) as string
  }

  /** Fields of a request with a token that is bound and its proof. */
  fields(token = this.boundToken(), proof = this.proof(token)): WireRequest['fields'] {
    return [
      ['authorization', `DPoP ${token}`],
      ['dpop', proof],
    ]
  }

  stop(): Promise<void> {
    return this.service.stop()
  }
}
