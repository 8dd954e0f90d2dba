import { formatProcessLine } from '../command-line.ts'
import { type Provider, providerAudience } from './provider.ts'

/** Where the token comes from. */
export type CredentialSource =
  | {
      readonly executable: { readonly command: string; readonly timeout_millis: number; readonly output_file?: string }
    }
  | { readonly file: string; readonly format: { readonly type: 'text' } }

/** Google's libraries wait for 5 to 120 seconds. Ours gives up before. */
const TIMEOUT_MS = 60_000

/**
 * A token that a command prints.
 *
 * @param outputFile where the token is kept until shortly before its end; without it the agent is asked each time
 */
export function executableSource(command: readonly string[], outputFile: string | undefined): CredentialSource {
  return {
    executable: {
      command: formatProcessLine(command),
      timeout_millis: TIMEOUT_MS,
      ...(outputFile === undefined ? {} : { output_file: outputFile }),
    },
  }
}

export function fileSource(path: string): CredentialSource {
  return { file: path, format: { type: 'text' } }
}

/**
 * A credential configuration of type `external_account`. It holds no secret.
 *
 * @param serviceAccount e-mail address of the one to act as; without it, the program acts as itself
 * @see Google Cloud, workload identity federation: credential configuration files
 */
export function formatCredentialConfig(
  provider: Provider,
  source: CredentialSource,
  serviceAccount: string | undefined,
) {
  return {
    universe_domain: 'googleapis.com',
    type: 'external_account',
    audience: providerAudience(provider),
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: 'https://sts.googleapis.com/v1/token',
    ...(serviceAccount === undefined
      ? {}
      : {
          service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${serviceAccount}:generateAccessToken`,
        }),
    credential_source: source,
  }
}
