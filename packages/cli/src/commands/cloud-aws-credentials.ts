import { type Command, InvalidArgumentError } from 'commander'
import { CliError } from '../cli-error.ts'
import { assumeRole } from '../cloud/aws/assume-role.ts'
import { parseRole, type Role } from '../cloud/aws/role.ts'
import { parseSessionName, sessionNameOf } from '../cloud/aws/session-name.ts'
import { parseRegion, regionalEndpoint } from '../cloud/aws/sts-endpoint.ts'
import { CLOUDS } from '../cloud/clouds.ts'
import { fetchToken, type TokenOptions } from '../cloud/fetch-token.ts'
import { addRootsOption, readRoots } from '../cloud/identity-options.ts'
import { parseAudience } from '../cloud/parse-audience.ts'
import { parseEndpoint } from '../cloud/parse-endpoint.ts'
import { validateToken } from '../cloud/validate-token.ts'
import type { CommandContext } from '../command-context.ts'
import { parseDuration } from '../options/parse-duration.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { withExample } from '../verb.ts'
import { addSocketOption } from '../workload-api/endpoint-option.ts'

interface Options extends TokenOptions {
  readonly roleArn: Role
  readonly region?: string
  readonly audience: string
  readonly sessionName?: string
  readonly duration?: number
  readonly endpoint?: URL
  readonly caFile?: string
}

/** Has no `--output`: what it prints is the contract of `credential_process`. Errors go to standard error, without secrets. */
export function addCloudAwsCredentials(parent: Command, context: CommandContext): void {
  const command = parent
    .command('credentials')
    .description('print temporary credentials of an IAM role for this program: what credential_process of AWS runs')
    .requiredOption('--role-arn <arn>', 'the role to assume', parseRole)
    .option('--region <name>', 'whose STS is asked (env AWS_REGION, AWS_DEFAULT_REGION)', parseRegion)
    .option('--id <spiffe-id>', "which of the program's identities (default: the first)", parseIdentifier)
    .option('--audience <name>', 'audience of the token', parseAudience, CLOUDS.aws.audience)
    .option(
      '--session-name <name>',
      'name of the session in CloudTrail (default: the end of the SPIFFE ID)',
      parseSessionName,
    )
    .option('--duration <time>', 'how long the credentials live, 15m to 12h (default: an hour)', parseSessionDuration)
    .option('--endpoint <url>', 'STS, where it is not that of the region', parseEndpoint)
  addRootsOption(command, 'of STS (env AWS_CA_BUNDLE)')
  withExample(command, {
    example: 'cloud aws credentials --role-arn arn:aws:iam::123456789012:role/app --region eu-central-1',
  })
  addSocketOption(command).action(async (options: Options) => {
    const { roleArn: role, duration } = options
    const endpoint = options.endpoint ?? regionalEndpoint(role.partition, chooseRegion(context, options))
    const roots = await readRoots(options.caFile ?? (context.env['AWS_CA_BUNDLE'] || undefined))
    const { token, subject } = validateToken(await fetchToken(context, options, options.audience), CLOUDS.aws)
    const credentials = await assumeRole({
      ...{ endpoint, roots, roleArn: role.arn, token, duration, now: context.clock.now() },
      sessionName: options.sessionName ?? sessionNameOf(subject),
    })
    // AWS SDKs and tools reference guide, process credential provider: the names and the case of the members are the contract.
    const output = {
      Version: 1,
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey,
      SessionToken: credentials.sessionToken,
      Expiration: credentials.expiration,
    }
    context.stdout.write(`${JSON.stringify(output)}\n`)
  })
}

function chooseRegion({ env }: CommandContext, { region }: Options): string {
  const found = region ?? (env['AWS_REGION'] || env['AWS_DEFAULT_REGION'])
  if (!found) throw new CliError('ERR_CLI_USAGE', 'name the region by --region or AWS_REGION, or STS by --endpoint')
  try {
    return parseRegion(found)
  } catch {
    throw new CliError('ERR_CLI_USAGE', 'AWS_REGION is not the name of a region')
  }
}

/** `DurationSeconds` of STS. */
function parseSessionDuration(text: string): number {
  const seconds = parseDuration(text)
  if (seconds >= 900 && seconds <= 43_200) return seconds
  throw new InvalidArgumentError('Expected 15m to 12h.')
}
