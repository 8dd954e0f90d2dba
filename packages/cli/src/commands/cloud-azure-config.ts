import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import { formatEnvironment, formatEnvironmentFile } from '../cloud/azure/environment.ts'
import {
  credentialNameOf,
  formatFederatedCredential,
  parseCredentialName,
  parseGuid,
} from '../cloud/azure/federated-credential.ts'
import { formatTenantCommand, parseResourceName } from '../cloud/azure/tenant-commands.ts'
import { CLOUDS } from '../cloud/clouds.ts'
import { addIdentityOptions, type IdentityOptions, resolveIdentity } from '../cloud/identity-options.ts'
import { parseAudience } from '../cloud/parse-audience.ts'
import { parseEndpoint } from '../cloud/parse-endpoint.ts'
import { parsePath } from '../cloud/parse-path.ts'
import { filePath, presentSetup } from '../cloud/present-setup.ts'
import { formatWatchCommand } from '../cloud/watch-command.ts'
import type { CommandContext } from '../command-context.ts'
import { addVerb } from '../verb.ts'

interface Options extends IdentityOptions {
  readonly clientId: string
  readonly tenantId: string
  readonly tokenFile: string
  readonly audience: string
  readonly authorityHost: URL
  readonly name?: string
  readonly managedIdentity?: string
  readonly resourceGroup?: string
}

export function addCloudAzureConfig(parent: Command, context: CommandContext): void {
  const ids = '--client-id 11111111-2222-3333-4444-555555555555 --tenant-id 66666666-7777-8888-9999-000000000000'
  const command = addVerb(parent, 'config', {
    does: 'make a federated identity credential of Azure for one program, and the environment of its SDK',
    example: [
      `cloud azure config --issuer https://id.example.org --id spiffe://example.org/app ${ids} --token-file /run/app/azure-token`,
      `cloud azure config --server-config server.yaml --check --id spiffe://example.org/app ${ids} --managed-identity app --resource-group prod --token-file /run/app/azure-token`,
    ],
  })
    .requiredOption('--client-id <guid>', 'of the application or managed identity to act as', parseGuid)
    .requiredOption('--tenant-id <guid>', 'its tenant', parseGuid)
    .requiredOption('--token-file <path>', 'where the SDK reads the token, which `jwt watch` keeps fresh', parsePath)
    .option(
      '--managed-identity <name>',
      'the credential is for this managed identity, not for an application',
      parseResourceName,
    )
    .option('--resource-group <name>', 'of the managed identity', parseResourceName)
    .option('--name <name>', 'name of the credential (default: out of the SPIFFE ID)', parseCredentialName)
    .option('--audience <name>', 'audience of the tokens', parseAudience, CLOUDS.azure.audience)
    .option(
      '--authority-host <url>',
      'Microsoft Entra',
      parseEndpoint,
      parseEndpoint('https://login.microsoftonline.com/'),
    )
  addIdentityOptions(command).action(async (options: Options) => {
    const { clientId, tenantId, tokenFile, audience, managedIdentity, resourceGroup, socket } = options
    if ((managedIdentity === undefined) !== (resourceGroup === undefined)) {
      throw new CliError('ERR_CLI_USAGE', '--managed-identity and --resource-group belong together')
    }
    const identity = await resolveIdentity(context, options, CLOUDS.azure)
    const { issuer, subject } = identity
    const credential = formatFederatedCredential(options.name ?? credentialNameOf(subject), issuer, subject, audience)
    const managed =
      managedIdentity === undefined || resourceGroup === undefined
        ? undefined
        : { name: managedIdentity, resourceGroup }
    const environment = formatEnvironment({ clientId, tenantId, tokenFile, authorityHost: options.authorityHost.href })
    await presentSetup(context, options, {
      ...{ cloud: 'azure', identity, audience },
      steps: [
        {
          title: `In the tenant ${tenantId}: a credential that only this program can use`,
          file: { name: 'federated-credential.json', text: `${JSON.stringify(credential, null, 2)}\n` },
          commands: [
            formatTenantCommand(credential, clientId, managed, filePath(options, 'federated-credential.json')),
          ],
        },
        {
          title: 'Where the program runs: its environment',
          file: { name: 'azure.env', text: formatEnvironmentFile(environment) },
        },
        {
          title: 'Beside the program, as the same user: what keeps its token fresh',
          commands: [
            formatWatchCommand({
              cloud: 'azure',
              command: options.command,
              audience,
              subject,
              file: tokenFile,
              socket,
            }),
          ],
        },
      ],
    })
  })
}
