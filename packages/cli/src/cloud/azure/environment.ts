import { quoteForShell } from '../command-line.ts'

export interface AzureEnvironment {
  readonly clientId: string
  readonly tenantId: string
  readonly tokenFile: string
  readonly authorityHost: string
}

/** What `WorkloadIdentityCredential` of Azure's SDKs, and with it their default credential, reads. */
export function formatEnvironment({ clientId, tenantId, tokenFile, authorityHost }: AzureEnvironment) {
  return {
    AZURE_CLIENT_ID: clientId,
    AZURE_TENANT_ID: tenantId,
    AZURE_FEDERATED_TOKEN_FILE: tokenFile,
    AZURE_AUTHORITY_HOST: authorityHost,
  }
}

/** One variable on each line, for a shell and for `EnvironmentFile` of systemd. */
export function formatEnvironmentFile(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name}=${quoteForShell(value)}\n`)
    .join('')
}
