import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AuthorityList, AuthorityView, TrustDomainBundle } from '@countersign/api'
import { connectWorkloadApi, type WorkloadApiClient } from '@countersign/workload-api'
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose'
import { writeIdentity } from '../openssl-tls/identities.ts'
import { thisUser } from '../support/client-entries.ts'
import { missingProgram } from '../support/debian-package.ts'
import { freePort } from '../support/free-port.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import { until } from '../support/until.ts'
import { SoftToken } from './soft-token.ts'

const TRUST_DOMAIN = 'softhsm.example'
const PROGRAM = `spiffe://${TRUST_DOMAIN}/program`
const AUDIENCE = 'https://orders.example'
const TIMEOUT_MS = 60_000
const CONTRACT_TIMEOUT_MS = 300_000
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
const SAFE = ['sensitive', 'always sensitive', 'never extractable']

/** A whole server whose signing keys are in SoftHSM; OpenSC says what is in the token, openssl and jose what was signed. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    const found =
      (await missingProgram(processes, 'softhsm2-util', ['--version'], 'softhsm2')) ??
      (await missingProgram(processes, 'opensc-tool', ['--info'], 'opensc'))
    return found ?? (SoftToken.module() === undefined ? 'no libsofthsm2.so where Debian has it' : undefined)
  },

  async run(context) {
    await checkContract(context)
    const token = await SoftToken.create(context.processes, context.temporaryFolder)
    const machine = { host: '127.0.0.1', port: await freePort() }
    const domain = await context.startTrustDomain(TRUST_DOMAIN, { server: { keyManager: token.keyManager, machine } })
    await domain.register({ spiffeId: PROGRAM, selectors: [thisUser()] })
    const client = connectWorkloadApi({ address: domain.endpointSocket })
    try {
      const before = await active(domain)
      await checkToken(context, token, before)
      await checkCredentials(context, domain, client, 'issued')
      await domain.restartServer()
      await checkRestart(context, domain, client, before)
      await checkRevocation(context, domain, token)
    } finally {
      client.close()
    }
  },
}

/** The plugin's own tests, which are skipped where there is no SoftHSM. */
async function checkContract({ processes, report }: SuiteContext): Promise<void> {
  const args = [VITEST, 'run', '--project', 'unit', 'packages/plugins/key-manager/pkcs11']
  const env = { NO_COLOR: '1' }
  const options = { cwd: ROOT, env, timeoutMs: CONTRACT_TIMEOUT_MS }
  const { exitCode, stdout } = await processes.run(process.execPath, args, options)
  const count = /^\s*Tests\s+(.*)$/m.exec(stdout)?.[1] ?? stdout.slice(-500)
  const ok = exitCode === 0 && !count.includes('skipped')
  report.add({ check: 'plugin keeps the key manager contract', ok, detail: count })
}

async function checkToken(
  { report, temporaryFolder }: SuiteContext,
  token: SoftToken,
  authorities: readonly AuthorityView[],
): Promise<void> {
  for (const { id, kind } of authorities) {
    const said = await token.privateKey(id)
    const access = /Access:\s*(.*)/.exec(said)?.[1]?.split(', ') ?? []
    report.add({
      check: `${kind} key is in the token and cannot leave it, says pkcs11-tool`,
      ok: SAFE.every((each) => access.includes(each)) && /Usage:\s*sign\s*$/m.test(said),
      detail: access.join(', ') || 'no such key',
    })
  }
  const files = await readdir(join(temporaryFolder, TRUST_DOMAIN, 'server'))
  report.add({
    check: 'server keeps no key files of its own',
    ok: !files.includes('keys'),
    detail: files.join(', '),
  })
}

async function checkCredentials(
  { report, processes, temporaryFolder }: SuiteContext,
  domain: InteropTrustDomain,
  client: WorkloadApiClient,
  when: string,
): Promise<void> {
  const { certificate, roots } = await writeIdentity(domain.endpointSocket, PROGRAM, temporaryFolder)
  const args = ['verify', '-CAfile', roots, '-purpose', 'sslclient', certificate]
  const { exitCode, stdout, stderr } = await processes.run('openssl', args, { timeoutMs: TIMEOUT_MS })
  report.add({
    check: `X509-SVID verifies with openssl, ${when}`,
    ok: exitCode === 0,
    detail: (stdout + stderr).trim(),
  })

  const { svids } = await client.fetchJwtSvid(
    { audience: [AUDIENCE], spiffeId: PROGRAM },
    AbortSignal.timeout(TIMEOUT_MS),
  )
  report.add(await verified(`JWT-SVID verifies with jose, ${when}`, domain, svids[0]?.svid, 'jwt-svid'))
  for await (const { svids: wits } of client.fetchWitSvid({ spiffeId: PROGRAM }, AbortSignal.timeout(TIMEOUT_MS))) {
    report.add(await verified(`WIT-SVID verifies with jose, ${when}`, domain, wits[0]?.witSvid, 'wit-svid'))
    break
  }
}

async function verified(check: string, domain: InteropTrustDomain, token: string | undefined, use: string) {
  const { bundle } = await domain.admin<TrustDomainBundle>('GET', `/v1/bundles/${TRUST_DOMAIN}`)
  const { keys } = bundle as { readonly keys: readonly JWK[] }
  const ofUse = keys.filter((key) => key.use === use).map(({ use: _, ...key }) => key)
  try {
    const { payload } = await jwtVerify(token ?? '', createLocalJWKSet({ keys: ofUse }))
    return { check, ok: payload.sub === PROGRAM, detail: String(payload.sub) }
  } catch (error) {
    return { check, ok: false, detail: String(error) }
  }
}

async function checkRestart(
  context: SuiteContext,
  domain: InteropTrustDomain,
  client: WorkloadApiClient,
  before: readonly AuthorityView[],
): Promise<void> {
  const [ids, idsAfter] = [before, await active(domain)].map((each) => each.map(({ id }) => id).join(' '))
  context.report.add({ check: 'a restart keeps every key', ok: ids === idsAfter, detail: idsAfter ?? '' })
  // A new audience: nothing that the agent has from before the restart.
  const audience = ['https://after-restart.example']
  const { svids } = await until(
    () => client.fetchJwtSvid({ audience, spiffeId: PROGRAM }, AbortSignal.timeout(TIMEOUT_MS)).catch(() => undefined),
    'JWT-SVID after the restart',
  )
  const check = 'JWT-SVID that was issued after the restart verifies with jose'
  context.report.add(await verified(check, domain, svids[0]?.svid, 'jwt-svid'))
  await checkCredentials(context, domain, client, 'after the restart')
}

async function checkRevocation({ report }: SuiteContext, domain: InteropTrustDomain, token: SoftToken): Promise<void> {
  for (const old of await active(domain)) {
    const { id } = await domain.admin<AuthorityView>('POST', '/v1/authorities/prepare', { kind: old.kind })
    await domain.admin('POST', '/v1/authorities/activate', { id, force: true })
    await domain.admin('POST', '/v1/authorities/taint', { id: old.id })
    await domain.admin('POST', '/v1/authorities/revoke', { id: old.id, force: true })
    const [gone, there] = [await token.privateKey(old.id), await token.privateKey(id)]
    report.add({
      check: `revoking destroys the ${old.kind} key in the token, and no other`,
      ok: !gone.includes(old.id) && there.includes(id),
      detail: gone.includes(old.id) ? 'still there' : 'gone',
    })
  }
}

async function active(domain: InteropTrustDomain): Promise<AuthorityView[]> {
  const { authorities } = await domain.admin<AuthorityList>('GET', '/v1/authorities')
  return authorities.filter(({ state }) => state === 'active')
}
