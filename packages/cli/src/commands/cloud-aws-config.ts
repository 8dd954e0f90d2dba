import type { Command } from 'commander'
import { formatAccountCommands } from '../cloud/aws/account-commands.ts'
import { formatProcessProfile, formatTokenFileProfile, parseProfile } from '../cloud/aws/profile.ts'
import { parseRole, type Role } from '../cloud/aws/role.ts'
import { parseSessionName, sessionNameOf } from '../cloud/aws/session-name.ts'
import { parseRegion, regionalEndpoint } from '../cloud/aws/sts-endpoint.ts'
import { formatTrustPolicy } from '../cloud/aws/trust-policy.ts'
import { CLOUDS } from '../cloud/clouds.ts'
import { addIdentityOptions, type IdentityOptions, resolveIdentity } from '../cloud/identity-options.ts'
import { parseAudience } from '../cloud/parse-audience.ts'
import { parseEndpoint } from '../cloud/parse-endpoint.ts'
import { parsePath } from '../cloud/parse-path.ts'
import { filePath, presentSetup, type Step } from '../cloud/present-setup.ts'
import { formatWatchCommand } from '../cloud/watch-command.ts'
import type { CommandContext } from '../command-context.ts'
import { addVerb } from '../verb.ts'

interface Options extends IdentityOptions {
  readonly roleArn: Role
  readonly region: string
  readonly audience: string
  readonly profile: string
  readonly sessionName?: string
  readonly tokenFile?: string
  readonly endpoint?: URL
}

export function addCloudAwsConfig(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'config', {
    does: 'make the trust policy of an IAM role for one program, and the profile with which the program assumes it',
    example: [
      'cloud aws config --issuer https://id.example.org --id spiffe://example.org/app --role-arn arn:aws:iam::123456789012:role/app --region eu-central-1',
      'cloud aws config --server-config server.yaml --check --id spiffe://example.org/app --role-arn arn:aws:iam::123456789012:role/app --region eu-central-1 --write ./aws',
    ],
  })
    .requiredOption('--role-arn <arn>', 'the role to assume', parseRole)
    .requiredOption('--region <name>', 'region of the program; its STS is asked', parseRegion)
    .option('--audience <name>', 'audience of the tokens', parseAudience, CLOUDS.aws.audience)
    .option('--profile <name>', 'name of the profile', parseProfile, 'default')
    .option(
      '--session-name <name>',
      'name of sessions in CloudTrail (default: the end of the SPIFFE ID)',
      parseSessionName,
    )
    .option(
      '--token-file <path>',
      'have the SDK read the token from this file, which `jwt watch` keeps fresh',
      parsePath,
    )
    .option('--endpoint <url>', 'STS, where it is not that of the region', parseEndpoint)
  addIdentityOptions(command).action(async (options: Options) => {
    const identity = await resolveIdentity(context, options, CLOUDS.aws)
    const { roleArn: role, audience } = options
    const policy = formatTrustPolicy({ role, audience, ...identity })
    const policyFile = filePath(options, 'trust-policy.json')
    await presentSetup(context, options, {
      ...{ cloud: 'aws', identity, audience },
      steps: [
        {
          title: `In the account ${role.account}: the issuer, once, and a role that only this program may assume`,
          file: { name: 'trust-policy.json', text: `${JSON.stringify(policy, null, 2)}\n` },
          commands: formatAccountCommands({ role, issuer: identity.issuer, audience, policyFile }),
        },
        ...programSteps(options, identity.subject),
      ],
    })
  })
}

function programSteps(options: Options, subject: string): readonly Step[] {
  const { roleArn: role, profile, region, audience, tokenFile, command, socket } = options
  const title = 'Where the program runs: ~/.aws/config, or the file that AWS_CONFIG_FILE names'
  const sessionName = options.sessionName ?? sessionNameOf(subject)
  const settings = { profile, region, roleArn: role.arn, sessionName }
  if (tokenFile === undefined) {
    return [{ title, file: { name: 'config', text: formatProcessProfile(settings, processCommand(options, subject)) } }]
  }
  return [
    { title, file: { name: 'config', text: formatTokenFileProfile(settings, tokenFile) } },
    {
      title: 'Beside the program, as the same user: what keeps its token fresh',
      commands: [formatWatchCommand({ cloud: 'aws', command, audience, subject, file: tokenFile, socket })],
    },
  ]
}

function processCommand(options: Options, subject: string): readonly string[] {
  const { command, roleArn: role, region, audience, endpoint, socket } = options
  // Said now, where somebody reads it, and not when the program starts.
  if (endpoint === undefined) regionalEndpoint(role.partition, region)
  return [
    ...[command, 'cloud', 'aws', 'credentials', '--role-arn', role.arn, '--region', region],
    ...['--id', subject, '--session-name', options.sessionName ?? sessionNameOf(subject)],
    ...(audience === CLOUDS.aws.audience ? [] : ['--audience', audience]),
    ...(endpoint === undefined ? [] : ['--endpoint', endpoint.href]),
    ...(socket === undefined ? [] : ['--socket', socket]),
  ]
}
