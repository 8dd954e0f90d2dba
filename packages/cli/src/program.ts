import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import type { CommandContext } from './command-context.ts'
import { addAgentExplain } from './commands/agent-explain.ts'
import { addAgentHealth } from './commands/agent-health.ts'
import { addAgentLogLevelGet } from './commands/agent-log-level-get.ts'
import { addAgentLogLevelReset } from './commands/agent-log-level-reset.ts'
import { addAgentLogLevelSet } from './commands/agent-log-level-set.ts'
import { addAgentRun } from './commands/agent-run.ts'
import { addAgentStatus } from './commands/agent-status.ts'
import { addAgentValidate } from './commands/agent-validate.ts'
import { addAuthorityActivate } from './commands/authority-activate.ts'
import { addAuthorityImport } from './commands/authority-import.ts'
import { addAuthorityList } from './commands/authority-list.ts'
import { addAuthorityPrepare } from './commands/authority-prepare.ts'
import { addAuthorityRevoke } from './commands/authority-revoke.ts'
import { addAuthorityTaint } from './commands/authority-taint.ts'
import { addBrokerJwtFetch } from './commands/broker-jwt-fetch.ts'
import { addBrokerX509Fetch } from './commands/broker-x509-fetch.ts'
import { addBundleList } from './commands/bundle-list.ts'
import { addBundleSet } from './commands/bundle-set.ts'
import { addBundleShow } from './commands/bundle-show.ts'
import { addCloudAwsConfig } from './commands/cloud-aws-config.ts'
import { addCloudAwsCredentials } from './commands/cloud-aws-credentials.ts'
import { addCloudAzureConfig } from './commands/cloud-azure-config.ts'
import { addCloudGcpConfig } from './commands/cloud-gcp-config.ts'
import { addCloudGcpCredentials } from './commands/cloud-gcp-credentials.ts'
import { addConformanceRun } from './commands/conformance-run.ts'
import { addConformanceWorkloadApi } from './commands/conformance-workload-api.ts'
import { addDemo } from './commands/demo.ts'
import { addEntryApply } from './commands/entry-apply.ts'
import { addEntryCreate } from './commands/entry-create.ts'
import { addEntryDelete } from './commands/entry-delete.ts'
import { addEntryList } from './commands/entry-list.ts'
import { addEntryShow } from './commands/entry-show.ts'
import { addEntryUpdate } from './commands/entry-update.ts'
import { addEntryWatch } from './commands/entry-watch.ts'
import { addExchange } from './commands/exchange.ts'
import { addFederationCreate } from './commands/federation-create.ts'
import { addFederationDelete } from './commands/federation-delete.ts'
import { addFederationList } from './commands/federation-list.ts'
import { addFederationRefresh } from './commands/federation-refresh.ts'
import { addFederationShow } from './commands/federation-show.ts'
import { addFederationUpdate } from './commands/federation-update.ts'
import { addInspect } from './commands/inspect.ts'
import { addJwtFetch } from './commands/jwt-fetch.ts'
import { addJwtWatch } from './commands/jwt-watch.ts'
import { addNodeBan } from './commands/node-ban.ts'
import { addNodeEvict } from './commands/node-evict.ts'
import { addNodeList } from './commands/node-list.ts'
import { addRoleGrant } from './commands/role-grant.ts'
import { addRoleList } from './commands/role-list.ts'
import { addRoleRevoke } from './commands/role-revoke.ts'
import { addRoleShow } from './commands/role-show.ts'
import { addServerBackup } from './commands/server-backup.ts'
import { addServerDoctor } from './commands/server-doctor.ts'
import { addServerHealth } from './commands/server-health.ts'
import { addServerLogLevelGet } from './commands/server-log-level-get.ts'
import { addServerLogLevelReset } from './commands/server-log-level-reset.ts'
import { addServerLogLevelSet } from './commands/server-log-level-set.ts'
import { addServerRestore } from './commands/server-restore.ts'
import { addServerResume } from './commands/server-resume.ts'
import { addServerRun } from './commands/server-run.ts'
import { addServerValidate } from './commands/server-validate.ts'
import { addTokenCreate } from './commands/token-create.ts'
import { addVerify } from './commands/verify.ts'
import { addWitFetch } from './commands/wit-fetch.ts'
import { addX509Fetch } from './commands/x509-fetch.ts'
import { type About, addGroup, withExample } from './verb.ts'

const CLOUD_AWS_EXAMPLE =
  'cloud aws config --issuer https://id.example.org --id spiffe://example.org/app --role-arn arn:aws:iam::123456789012:role/app --region eu-central-1'

type AddCommand = (parent: Command, context: CommandContext) => void

/** Nouns and their verbs, in the order of `--help`. */
const GROUPS: readonly (About & { readonly name: string; readonly verbs: readonly AddCommand[] })[] = [
  {
    name: 'server',
    does: "a trust domain's server",
    example: 'server run --config server.yaml',
    verbs: [
      addServerRun,
      addServerValidate,
      addServerHealth,
      addServerDoctor,
      addServerBackup,
      addServerRestore,
      addServerResume,
      addServerLogLevel,
    ],
  },
  {
    name: 'agent',
    does: 'the agent of one host',
    example: 'agent run --config agent.yaml',
    verbs: [addAgentRun, addAgentValidate, addAgentStatus, addAgentHealth, addAgentExplain, addAgentLogLevel],
  },
  {
    name: 'entry',
    does: 'registration entries: which programs are which workload',
    example: 'entry list',
    verbs: [addEntryCreate, addEntryApply, addEntryList, addEntryShow, addEntryUpdate, addEntryDelete, addEntryWatch],
  },
  {
    name: 'node',
    does: 'nodes whose agent has attested',
    example: 'node list',
    verbs: [addNodeList, addNodeBan, addNodeEvict],
  },
  {
    name: 'token',
    does: 'join tokens, with which agents attest',
    example: 'token create --agent-path /node-1',
    verbs: [addTokenCreate],
  },
  {
    name: 'bundle',
    does: 'trust bundles',
    example: 'bundle show',
    verbs: [addBundleShow, addBundleSet, addBundleList],
  },
  {
    name: 'authority',
    does: 'the keys that a trust domain signs with',
    example: 'authority list',
    verbs: [
      addAuthorityList,
      addAuthorityPrepare,
      addAuthorityImport,
      addAuthorityActivate,
      addAuthorityTaint,
      addAuthorityRevoke,
    ],
  },
  {
    name: 'role',
    does: 'roles of administrators: who may do what below which path',
    example: 'role grant registrar --prefix /team-a --workload spiffe://example.org/team-a/ci',
    verbs: [addRoleGrant, addRoleList, addRoleShow, addRoleRevoke],
  },
  {
    name: 'federation',
    does: 'foreign trust domains whose bundle is followed',
    example: 'federation list',
    verbs: [
      addFederationCreate,
      addFederationUpdate,
      addFederationShow,
      addFederationList,
      addFederationRefresh,
      addFederationDelete,
    ],
  },
  { name: 'x509', does: 'X509-SVIDs of this program', example: 'x509 fetch', verbs: [addX509Fetch] },
  {
    name: 'jwt',
    does: 'JWT-SVIDs of this program',
    example: 'jwt fetch --audience a',
    verbs: [addJwtFetch, addJwtWatch],
  },
  {
    name: 'wit',
    does: 'workload identity tokens of this program',
    example: 'wit fetch',
    verbs: [addWitFetch],
  },
  {
    name: 'cloud',
    does: 'AWS, Google Cloud and Azure with the identity of a program instead of a stored secret',
    example: CLOUD_AWS_EXAMPLE,
    verbs: [addCloudAws, addCloudGcp, addCloudAzure],
  },
  {
    name: 'broker',
    does: 'credentials of another program, for one that may stand in for it',
    example: 'broker x509 fetch --pid 4711 --agent-id spiffe://example.org/countersign/agent/node-1',
    verbs: [addBrokerX509Fetch, addBrokerJwtFetch],
  },
  {
    name: 'conformance',
    does: 'conformance of this program, and of any Workload API endpoint',
    example: ['conformance run conformance/cases', 'conformance workload-api'],
    verbs: [addConformanceRun, addConformanceWorkloadApi],
  },
]

function addServerLogLevel(parent: Command, context: CommandContext): void {
  const about = { does: 'what the running server logs', example: 'server log-level set debug --for 10m' }
  const group = addGroup(parent, 'log-level', about)
  for (const add of [addServerLogLevelGet, addServerLogLevelSet, addServerLogLevelReset]) add(group, context)
}

function addAgentLogLevel(parent: Command, context: CommandContext): void {
  const about = { does: 'what the running agent logs', example: 'agent log-level set debug --for 10m' }
  const group = addGroup(parent, 'log-level', about)
  for (const add of [addAgentLogLevelGet, addAgentLogLevelSet, addAgentLogLevelReset]) add(group, context)
}

function addCloudAws(parent: Command, context: CommandContext): void {
  const group = addGroup(parent, 'aws', { does: 'an IAM role of AWS', example: CLOUD_AWS_EXAMPLE })
  for (const add of [addCloudAwsConfig, addCloudAwsCredentials]) add(group, context)
}

function addCloudGcp(parent: Command, context: CommandContext): void {
  const example =
    'cloud gcp config --issuer https://id.example.org --id spiffe://example.org/app --project my-project --project-number 123456789012'
  const group = addGroup(parent, 'gcp', { does: 'workload identity federation of Google Cloud', example })
  for (const add of [addCloudGcpConfig, addCloudGcpCredentials]) add(group, context)
}

function addCloudAzure(parent: Command, context: CommandContext): void {
  const example =
    'cloud azure config --issuer https://id.example.org --id spiffe://example.org/app --client-id 11111111-2222-3333-4444-555555555555 --tenant-id 66666666-7777-8888-9999-000000000000 --token-file /run/app/azure-token'
  addCloudAzureConfig(addGroup(parent, 'azure', { does: 'federated credentials of Azure', example }), context)
}

/** Verbs without a noun. */
const VERBS: readonly AddCommand[] = [addExchange, addDemo, addVerify, addInspect]

/** The whole command line. Prints nothing about errors: whoever parses with it reports what it throws. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('countersign')
    .description('Workload identity: short-lived, proved on every request, handed out by nobody.')
    .version(readVersion(), '--version', 'print the version')
    .exitOverride()
    // `exchange` is a verb and has one below itself: what stands behind that is for that alone.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  withExample(program, { example: ['entry list --output json', 'inspect token.jwt'] })
  for (const { name, verbs, ...about } of GROUPS) {
    const group = addGroup(program, name, about)
    for (const add of verbs) add(group, context)
  }
  for (const add of VERBS) add(program, context)
  return program
}

function readVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return manifest.version
}
