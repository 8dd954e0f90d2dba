import { type NewRoleGrant, ROLES, type Role, type RoleGrant, type RoleSubject } from '@countersign/api'
import { Argument, type Command, InvalidArgumentError } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { collect } from '../options/collect.ts'
import { parseDuration } from '../options/parse-duration.ts'
import { collectTrustDomain, parseIdentifier } from '../options/parse-identifier.ts'
import { parseTime } from '../options/parse-time.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printRole } from './role-page.ts'

interface Options extends AdminOptions {
  readonly prefix: string
  readonly workload?: string
  readonly uid?: number
  readonly issuer?: string
  readonly claim?: string
  readonly value?: string
  readonly parentPrefix?: readonly string[]
  readonly federatesWith?: readonly string[]
  readonly dnsName?: readonly string[]
  readonly maxTtl?: number
  readonly expires?: number
  readonly output: OutputFormat
}

export function addRoleGrant(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'grant', {
    does: 'give a program, a user of an OpenID Connect issuer or a local user a role below a path',
    example: [
      'role grant registrar --prefix /team-a --workload spiffe://example.org/team-a/ci',
      'role grant operator --prefix / --issuer https://login.example.org --claim groups --value platform',
      'role grant viewer --prefix / --uid 1000',
    ],
  })
    .addArgument(new Argument('<role>', 'each may do what those before it may').choices(ROLES))
    .requiredOption('--prefix <path>', '/ for everything, /team-a for that identifier and all below it')
    .option(
      '--workload <id>',
      'SPIFFE ID of the program, of this trust domain or one that is federated with',
      parseIdentifier,
    )
    .option('--uid <number>', 'user who connects to the admin socket', parseUid)
    .option('--issuer <url>', 'OpenID Connect issuer, as in "admin.oidc" of the server')
    .option('--claim <name>', 'claim of its tokens (default: sub)')
    .option('--value <text>', 'value of the claim')
    .option(
      '--parent-prefix <path>',
      'nodes that entries may name as their parent; repeat it (default: all agents)',
      collect,
    )
    .option(
      '--federates-with <name>',
      'trust domain that entries may federate with; repeat it (default: none)',
      collectTrustDomain,
    )
    .option(
      '--dns-name <name>',
      'DNS name that entries may carry, and all below it; repeat it (default: none)',
      collect,
    )
    .option('--max-ttl <duration>', 'longest lifetime of a credential of an entry, as in 3600 or 1h', parseDuration)
    .option('--expires <time>', 'when the role ends, as in 2026-12-31T23:59:59Z', parseTime)
  addAdminSocketOption(command).action(async (role: Role, options: Options) => {
    const request: NewRoleGrant = {
      subject: subjectOf(options),
      role,
      prefix: options.prefix,
      ...(options.parentPrefix === undefined ? {} : { parents: [...options.parentPrefix] }),
      ...(options.federatesWith === undefined ? {} : { federatesWith: [...options.federatesWith] }),
      ...(options.dnsName === undefined ? {} : { dnsNames: [...options.dnsName] }),
      ...(options.maxTtl === undefined ? {} : { maxTtl: options.maxTtl }),
      ...(options.expires === undefined ? {} : { expiresAt: options.expires }),
    }
    const grant = await openAdminClient(context, options).post<RoleGrant>('/v1/role-grants', request)
    openOutput(context, options).result(grant, (page) => printRole(page, grant, context.clock.now()))
  })
}

/** Exactly one of the three ways to say who. */
function subjectOf({ workload, uid, issuer, claim = 'sub', value }: Options): RoleSubject {
  const subjects: RoleSubject[] = []
  if (workload !== undefined) subjects.push({ spiffeId: workload })
  if (uid !== undefined) subjects.push({ uid })
  if (issuer !== undefined && value !== undefined) subjects.push({ issuer, claim, value })
  const [subject, second] = subjects
  if (subject === undefined || second !== undefined || (issuer === undefined) !== (value === undefined)) {
    throw new CliError('ERR_CLI_USAGE', 'say who by --workload, by --uid, or by --issuer and --value')
  }
  return subject
}

function parseUid(text: string): number {
  if (!/^(?:0|[1-9]\d{0,9})$/.test(text))
    throw new InvalidArgumentError('Expected the number of a user, as `id -u` prints it.')
  return Number(text)
}
