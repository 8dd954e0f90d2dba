import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import type { SuiteContext } from './interop-suite.ts'
import type { InteropTrustDomain } from './trust-domain.ts'

export interface TokenServiceSettings {
  /** The document of rules. */
  readonly rules: object
  /** The rest of `tokenService` in the server's configuration. */
  readonly tokenService: object
  /** Of its public listener, where others must know it before; default a free one. */
  readonly port?: number
  /** More of the server's configuration. */
  readonly server?: object
}

export interface InteropTokenService {
  readonly domain: InteropTrustDomain
  readonly issuer: string
  readonly tokenEndpoint: string
}

/** Issuer identifier of a token service. */
export const tokenServiceOn = (port: number) => `https://localhost:${port}/oauth2`

/** Starts a trust domain whose server is an authorization server too. */
export async function startTokenService(
  context: Pick<SuiteContext, 'startTrustDomain' | 'temporaryFolder'>,
  name: string,
  { rules, tokenService, server, port: chosen }: TokenServiceSettings,
): Promise<InteropTokenService> {
  const port = chosen ?? (await freePort())
  const issuer = tokenServiceOn(port)
  const folder = join(context.temporaryFolder, `${name}-rules`)
  await mkdir(folder, { recursive: true })
  const rulesFile = join(folder, 'rules.yaml')
  await writeFile(rulesFile, JSON.stringify(rules))
  const domain = await context.startTrustDomain(name, {
    server: {
      ...server,
      public: { host: '127.0.0.1', port },
      tokenService: { issuer, rulesFile, ...tokenService },
    },
  })
  return { domain, issuer, tokenEndpoint: `${issuer}/token` }
}
