import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { askForToken, credentialsForm } from '../support/ask-for-token.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import { type InteropTokenService, startTokenService } from '../support/token-service.ts'
import { until } from '../support/until.ts'
import { Cluster } from './cluster.ts'
import { buildKubernetes } from './kubernetes-build.ts'

const ORDERS = 'https://orders.example'
const WORKLOAD = 'system:serviceaccount:test:default'
/** The shortest there is: a changed key is asked for no sooner. */
const REFRESH_SECONDS = 10

const RULES = {
  rules: [
    {
      name: 'orders',
      grant: 'client_credentials',
      subject: { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD, `${WORKLOAD}-gone`] },
      to: { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read'] },
    },
  ],
}

/** A real API server of Kubernetes as issuer: `kubectl create token`, and an access token for it. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    const built = await buildKubernetes(processes)
    return 'missing' in built ? built.missing : undefined
  },

  async run(context) {
    const { processes, report, temporaryFolder } = context
    const binaries = await buildKubernetes(processes)
    if ('missing' in binaries) throw new Error(binaries.missing)
    const [first, second] = [await makeKey(temporaryFolder, 'first'), await makeKey(temporaryFolder, 'second')] as const
    const keys = { signing: first, published: [first] }
    const cluster = await Cluster.start(processes, binaries, join(temporaryFolder, 'cluster'), keys)
    report.add({
      check: 'API server starts',
      ok: true,
      detail: binaries.version,
    })
    for (const namespace of ['test', 'other']) await cluster.kubectl('create', 'namespace', namespace)
    for (const [namespace, name] of [
      ['test', 'default'],
      ['test', 'default-gone'],
      ['other', 'default'],
    ] as const) {
      await cluster.kubectl('create', 'serviceaccount', name, '-n', namespace)
    }
    const service = await startService(context, cluster)
    await checkDiscovery(context, cluster, service)
    await checkTokens(context, cluster, service)
    await checkDeleted(context, cluster, service)
    await checkRotation(context, cluster, service, { first, second })
  },
}

function startService(context: SuiteContext, cluster: Cluster): Promise<InteropTokenService> {
  return startTokenService(context, 'kube.example', {
    rules: RULES,
    tokenService: {
      issuers: [
        {
          ...{ name: 'cluster', issuer: cluster.issuer, profiles: ['service-account'], discovery: true },
          ...{ webRootsFile: cluster.caFile, allowedAddresses: ['127.0.0.1'], refreshInterval: REFRESH_SECONDS },
        },
      ],
    },
  })
}

/** An API server says who it is to nobody but those who may ask: a usual mistake, and not seen until a token comes. */
async function checkDiscovery({ report }: SuiteContext, cluster: Cluster, service: InteropTokenService): Promise<void> {
  const closed = await ask(service, await cluster.createToken('test', 'default', service.issuer))
  report.add({ check: 'refused: an issuer that hides its keys', ok: closed === '401 invalid_client', detail: closed })
  await cluster.kubectl(
    ...['create', 'clusterrolebinding', 'discovery', '--clusterrole=system:service-account-issuer-discovery'],
    '--group=system:unauthenticated',
  )
  const open = await untilVerdict(cluster, service, 'granted')
  report.add({ check: 'finds keys by discovery, over TLS with the CA of the cluster', ok: true, detail: open })
}

async function checkTokens({ report }: SuiteContext, cluster: Cluster, service: InteropTokenService): Promise<void> {
  const token = await cluster.createToken('test', 'default', service.issuer)
  const { typ, alg } = decodeProtectedHeader(token)
  const { body, verdict } = await askForToken(
    service.tokenEndpoint,
    credentialsForm(token),
    service.domain.publicRootFile,
  )
  const { sub, aud } = verdict === 'granted' ? decodeJwt(String(body['access_token'])) : {}
  report.add({
    check: 'kubectl create token for an access token',
    ok: sub === WORKLOAD && aud === ORDERS,
    detail: verdict === 'granted' ? `${alg}, typ ${typ}: ${sub} for ${aud}` : verdict,
  })
  const again = await ask(service, token)
  report.add({ check: 'refused: the same token again', ok: again === '401 invalid_client', detail: again })
  for (const [check, expected, made] of [
    [
      'a token for another audience',
      '401 invalid_client',
      cluster.createToken('test', 'default', 'https://other.example'),
    ],
    ['a token for the API server', '401 invalid_client', cluster.createToken('test', 'default')],
    [
      'a service account of another namespace',
      '400 unauthorized_client',
      cluster.createToken('other', 'default', service.issuer),
    ],
  ] as const) {
    const seen = await ask(service, await made)
    report.add({ check: `refused: ${check}`, ok: seen === expected, detail: seen })
  }
}

/** Verified by signature, nobody is asked. What an operator can do about it: short tokens, and `maxLifetime`. */
async function checkDeleted({ report }: SuiteContext, cluster: Cluster, service: InteropTokenService): Promise<void> {
  const token = await cluster.createToken('test', 'default-gone', service.issuer)
  await cluster.kubectl('delete', 'serviceaccount', 'default-gone', '-n', 'test')
  const isKnown = await until(
    async () => ((await cluster.reviewToken(token, service.issuer)) ? false : 'unknown'),
    'the deletion',
  )
  const seen = await ask(service, token)
  report.add({
    check: 'a deleted service account is gone for the API server; its token still counts here, until it expires',
    ok: seen === 'granted',
    detail: `TokenReview: ${isKnown}, token service: ${seen}`,
  })
}

async function checkRotation(
  { report }: SuiteContext,
  cluster: Cluster,
  service: InteropTokenService,
  { first, second }: { readonly first: string; readonly second: string },
): Promise<void> {
  const older = await cluster.createToken('test', 'default', service.issuer)
  const oldest = await cluster.createToken('test', 'default', service.issuer)
  await cluster.stopApiServer()
  await cluster.startApiServer({ signing: second, published: [second, first] })
  const next = await untilVerdict(cluster, service, 'granted')
  report.add({ check: 'a new key of the API server is found', ok: next === 'granted', detail: next })
  const before = await ask(service, older)
  report.add({
    check: 'a token of the old key counts while that is published',
    ok: before === 'granted',
    detail: before,
  })
  await cluster.stopApiServer()
  await cluster.startApiServer({ signing: second, published: [second] })
  const after = await until(async () => {
    await ask(service, await cluster.createToken('test', 'default', service.issuer))
    const { status, body } = await askForToken(
      service.tokenEndpoint,
      credentialsForm(oldest),
      service.domain.publicRootFile,
    )
    // It was good until a moment ago, and by now it is a token that was shown before.
    const reason = String(body['error_description'])
    return status === 401 && reason !== 'credential was used before' && `401 ${body['error']}: ${reason}`
  }, 'an old key that counts no more')
  report.add({ check: 'refused: a token of a key that is published no more', ok: true, detail: after })
}

const ask = async (service: InteropTokenService, token: string) =>
  (await askForToken(service.tokenEndpoint, credentialsForm(token), service.domain.publicRootFile)).verdict

/** Keys are asked for at most once in an interval, so a change is seen within one. Each attempt has a token of its own. */
function untilVerdict(cluster: Cluster, service: InteropTokenService, expected: string): Promise<string> {
  return until(async () => {
    const seen = await ask(service, await cluster.createToken('test', 'default', service.issuer))
    return seen === expected && seen
  }, `a token that is ${expected}`)
}

async function makeKey(folder: string, name: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const file = join(folder, `${name}.key`)
  await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return file
}
