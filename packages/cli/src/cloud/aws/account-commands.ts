import { formatShellCommand } from '../command-line.ts'
import type { Role } from './role.ts'

export interface AccountOptions {
  readonly role: Role
  readonly issuer: string
  readonly audience: string
  /** Where the trust policy will be. */
  readonly policyFile: string
}

/** What an administrator of the account runs: the first command once for each issuer, the second for each role. */
export function formatAccountCommands({ role, issuer, audience, policyFile }: AccountOptions): readonly string[] {
  const path = role.arn.slice(role.arn.indexOf(':role/') + ':role'.length, -role.name.length)
  return [
    formatShellCommand(
      ['aws', 'iam', 'create-open-id-connect-provider'],
      ['--url', issuer],
      ['--client-id-list', audience],
    ),
    formatShellCommand(
      ['aws', 'iam', 'create-role'],
      ['--role-name', role.name],
      ...(path === '/' ? [] : [['--path', path]]),
      ['--assume-role-policy-document', `file://${policyFile}`],
    ),
  ]
}
