import { InvalidArgumentError } from 'commander'
import { formatProcessLine } from '../command-line.ts'

/** Profile names that need no quotes in the file and none in a shell. */
const PROFILE = /^[A-Za-z0-9_.@+-]{1,64}$/

/** @throws InvalidArgumentError of commander */
export function parseProfile(text: string): string {
  if (PROFILE.test(text)) return text
  throw new InvalidArgumentError('Expected letters, digits and _ . @ + -.')
}

export interface ProfileOptions {
  readonly profile: string
  readonly region: string
  readonly roleArn: string
}

/**
 * A profile whose credentials come from a process.
 *
 * @param command words of the command that prints them
 * @see AWS SDKs and tools reference guide, process credential provider
 */
export function formatProcessProfile({ profile, region }: ProfileOptions, command: readonly string[]): string {
  return formatSection(profile, [
    ['region', region],
    ['credential_process', formatProcessLine(command)],
  ])
}

/**
 * A profile whose SDK assumes the role by itself, with the token in a file.
 *
 * @see AWS SDKs and tools reference guide, assume role credential provider
 */
export function formatTokenFileProfile(options: ProfileOptions & { sessionName: string }, tokenFile: string): string {
  return formatSection(options.profile, [
    ['region', options.region],
    ['role_arn', options.roleArn],
    ['role_session_name', options.sessionName],
    ['web_identity_token_file', tokenFile],
  ])
}

function formatSection(profile: string, settings: readonly (readonly [name: string, value: string])[]): string {
  const title = profile === 'default' ? '[default]' : `[profile ${profile}]`
  return `${[title, ...settings.map(([name, value]) => `${name} = ${value}`)].join('\n')}\n`
}
