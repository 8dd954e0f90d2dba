import { InvalidArgumentError } from 'commander'
import { formatShellCommand } from '../command-line.ts'
import type { FederatedCredential } from './federated-credential.ts'

/** Names of managed identities and resource groups, in what goes unquoted through shells. */
const NAME = /^[A-Za-z0-9_.-]{1,128}$/

/** @throws InvalidArgumentError of commander */
export function parseResourceName(text: string): string {
  if (NAME.test(text)) return text
  throw new InvalidArgumentError('Expected letters, digits and _ . -.')
}

export interface ManagedIdentity {
  readonly name: string
  readonly resourceGroup: string
}

/**
 * What an administrator runs: for a managed identity, or else for an application, whose client id is its name.
 *
 * @param file where the federated credential will be
 */
export function formatTenantCommand(
  credential: FederatedCredential,
  clientId: string,
  identity: ManagedIdentity | undefined,
  file: string,
): string {
  if (identity === undefined) {
    return formatShellCommand(
      ['az', 'ad', 'app', 'federated-credential', 'create'],
      ['--id', clientId],
      ['--parameters', file],
    )
  }
  return formatShellCommand(
    ['az', 'identity', 'federated-credential', 'create', '--name', credential.name],
    ['--identity-name', identity.name, '--resource-group', identity.resourceGroup],
    ['--issuer', credential.issuer],
    ['--subject', credential.subject],
    ['--audiences', credential.audiences[0]],
  )
}
