import { InvalidArgumentError } from 'commander'
import { formatShellCommand } from '../command-line.ts'
import { type Provider, principal } from './provider.ts'

const SERVICE_ACCOUNT = /^[a-z0-9-]{1,64}@[a-z0-9.-]{1,190}\.gserviceaccount\.com$/

/** @throws InvalidArgumentError of commander */
export function parseServiceAccount(text: string): string {
  if (SERVICE_ACCOUNT.test(text)) return text
  throw new InvalidArgumentError('Expected an address, as in app@my-project.iam.gserviceaccount.com.')
}

export interface ProjectOptions {
  /** Its id. */
  readonly project: string
  readonly provider: Provider
  readonly issuer: string
  readonly subject: string
  readonly serviceAccount?: string | undefined
  /** Of tokens, when the provider is to accept this one only. */
  readonly audience?: string | undefined
}

/** The only subject that a provider lets in, as a condition in the Common Expression Language. */
export function formatAttributeCondition(subject: string): string {
  return `assertion.sub == "${subject}"`
}

/**
 * What an administrator of the project runs: pool, provider, and what the program may do.
 *
 * The provider's condition and the binding name the SPIFFE ID, each by itself: a pool that is bound too widely later
 * still lets in nobody else.
 */
export function formatProjectCommands(options: ProjectOptions): readonly string[] {
  const { provider, issuer, subject, serviceAccount, audience } = options
  const project = ['--project', options.project]
  const member = ['--member', principal(provider, subject)]
  return [
    formatShellCommand(
      ['gcloud', 'iam', 'workload-identity-pools', 'create', provider.pool],
      [...project, '--location', 'global'],
    ),
    formatShellCommand(
      ['gcloud', 'iam', 'workload-identity-pools', 'providers', 'create-oidc', provider.provider],
      [...project, '--location', 'global', '--workload-identity-pool', provider.pool],
      ['--issuer-uri', issuer],
      ...(audience === undefined ? [] : [['--allowed-audiences', audience]]),
      ['--attribute-mapping', 'google.subject=assertion.sub'],
      ['--attribute-condition', formatAttributeCondition(subject)],
    ),
    serviceAccount === undefined
      ? formatShellCommand(['gcloud', 'projects', 'add-iam-policy-binding', options.project], member, [
          '--role',
          'ROLE',
        ])
      : formatShellCommand(
          ['gcloud', 'iam', 'service-accounts', 'add-iam-policy-binding', serviceAccount],
          project,
          member,
          ['--role', 'roles/iam.workloadIdentityUser'],
        ),
  ]
}
