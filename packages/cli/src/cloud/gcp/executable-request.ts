import type { Environment } from '../../environment.ts'
import { CloudError } from '../cloud-error.ts'
import { providerOfAudience, tokenAudience } from './provider.ts'

/** What Google's library wants of its executable. */
export interface ExecutableRequest {
  readonly tokenType: string
  /** Of the token to fetch. */
  readonly audience: string
  readonly outputFile: string | undefined
}

const TOKEN_TYPES = ['urn:ietf:params:oauth:token-type:jwt', 'urn:ietf:params:oauth:token-type:id_token'] as const

/**
 * Reads the environment that Google's libraries give to an executable.
 *
 * Only a provider of a workload identity pool is an audience here, so that a configuration from elsewhere cannot
 * make this command fetch tokens for anybody else.
 *
 * @param audience of the token, where it is not the provider's own name
 * @throws CloudError `ERR_CLOUD_EXECUTABLE`, `ERR_CLOUD_AUDIENCE`
 * @see google-auth, executable-sourced credentials: environment and response
 */
export function readExecutableRequest(env: Environment, audience: string | undefined): ExecutableRequest {
  if (env['GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE'] === '1' || env['GOOGLE_EXTERNAL_ACCOUNT_REVOKE'] === '1') {
    throw new CloudError('ERR_CLOUD_EXECUTABLE', 'interactive mode and revocation are for people, not for workloads')
  }
  const tokenType = env['GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE'] ?? TOKEN_TYPES[0]
  if (!TOKEN_TYPES.some((known) => known === tokenType)) {
    throw new CloudError('ERR_CLOUD_EXECUTABLE', `subject_token_type must be ${TOKEN_TYPES.join(' or ')}`)
  }
  const provider = providerOfAudience(env['GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE'] ?? '')
  if (provider === undefined) {
    throw new CloudError(
      'ERR_CLOUD_AUDIENCE',
      'GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE does not name a provider of a workload identity pool',
    )
  }
  const outputFile = env['GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE'] || undefined
  return { tokenType, audience: audience ?? tokenAudience(provider), outputFile }
}
