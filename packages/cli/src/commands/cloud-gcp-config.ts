import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import { CLOUDS } from '../cloud/clouds.ts'
import { quoteForShell } from '../cloud/command-line.ts'
import { executableSource, fileSource, formatCredentialConfig } from '../cloud/gcp/credential-config.ts'
import { formatProjectCommands, parseServiceAccount } from '../cloud/gcp/project-commands.ts'
import { type Provider, parsePoolName, parseProject, parseProjectNumber, tokenAudience } from '../cloud/gcp/provider.ts'
import { addIdentityOptions, type IdentityOptions, resolveIdentity } from '../cloud/identity-options.ts'
import { parseAudience } from '../cloud/parse-audience.ts'
import { parsePath } from '../cloud/parse-path.ts'
import { filePath, presentSetup, type Step } from '../cloud/present-setup.ts'
import { formatWatchCommand } from '../cloud/watch-command.ts'
import type { CommandContext } from '../command-context.ts'
import { addVerb } from '../verb.ts'

interface Options extends IdentityOptions, Provider {
  readonly project: string
  readonly audience?: string
  readonly serviceAccount?: string
  readonly outputFile?: string
  readonly tokenFile?: string
}

export function addCloudGcpConfig(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'config', {
    does: 'make a credential configuration of Google Cloud for one program, and the commands that let it in',
    example: [
      'cloud gcp config --issuer https://id.example.org --id spiffe://example.org/app --project my-project --project-number 123456789012',
      'cloud gcp config --server-config server.yaml --check --id spiffe://example.org/app --project my-project --project-number 123456789012 --service-account app@my-project.iam.gserviceaccount.com --write ./gcp',
    ],
  })
    .requiredOption('--project <id>', 'the project of the pool', parseProject)
    .requiredOption('--project-number <number>', 'its number', parseProjectNumber)
    .option('--pool <name>', 'workload identity pool', parsePoolName, 'countersign')
    .option('--provider <name>', 'provider in the pool', parsePoolName, 'countersign')
    .option(
      '--service-account <address>',
      'act as this service account (default: as the program itself)',
      parseServiceAccount,
    )
    .option('--audience <name>', "audience of the tokens (default: the provider's name)", parseAudience)
    .option(
      '--output-file <path>',
      'where the library finds the token of the last time; it is made for its owner only',
      parsePath,
    )
    .option(
      '--token-file <path>',
      'have the library read the token from this file, which `jwt watch` keeps fresh',
      parsePath,
    )
  addIdentityOptions(command).action(async (options: Options) => {
    if (options.outputFile !== undefined && options.tokenFile !== undefined) {
      throw new CliError('ERR_CLI_USAGE', '--output-file is for a token that a command prints, not for --token-file')
    }
    const identity = await resolveIdentity(context, options, CLOUDS.gcp)
    const { project, projectNumber, pool, provider: name, serviceAccount } = options
    const provider = { projectNumber, pool, provider: name }
    const audience = options.audience ?? tokenAudience(provider)
    await presentSetup(context, options, {
      ...{ cloud: 'gcp', identity, audience },
      steps: [
        {
          title: `In the project ${project}: the issuer, once, and what only this program may do`,
          commands: formatProjectCommands({
            ...{ project, provider, serviceAccount, audience: options.audience },
            ...{ issuer: identity.issuer, subject: identity.subject },
          }),
        },
        ...programSteps(options, provider, identity.subject, audience),
      ],
    })
  })
}

function programSteps(options: Options, provider: Provider, subject: string, audience: string): readonly Step[] {
  const { command, socket, serviceAccount, tokenFile } = options
  const source =
    tokenFile === undefined ? executableSource(executable(options, subject), options.outputFile) : fileSource(tokenFile)
  const text = `${JSON.stringify(formatCredentialConfig(provider, source, serviceAccount), null, 2)}\n`
  return [
    {
      title: 'Where the program runs: the file, and its environment',
      file: { name: 'credentials.json', text },
      commands: [
        `export GOOGLE_APPLICATION_CREDENTIALS=${quoteForShell(filePath(options, 'credentials.json'))}`,
        ...(tokenFile === undefined ? ['export GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1'] : []),
      ],
    },
    ...(tokenFile === undefined
      ? []
      : [
          {
            title: 'Beside the program, as the same user: what keeps its token fresh',
            commands: [formatWatchCommand({ cloud: 'gcp', command, audience, subject, file: tokenFile, socket })],
          },
        ]),
  ]
}

function executable({ command, audience, socket }: Options, subject: string): readonly string[] {
  return [
    ...[command, 'cloud', 'gcp', 'credentials', '--id', subject],
    ...(audience === undefined ? [] : ['--audience', audience]),
    ...(socket === undefined ? [] : ['--socket', socket]),
  ]
}
