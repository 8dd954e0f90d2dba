import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { thisUser } from '../support/client-entries.ts'
import { freePort } from '../support/free-port.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import { startTokenService, tokenServiceOn } from '../support/token-service.ts'
import { makeWebCertificate } from '../support/web-certificate.ts'
import { checkAcrossDomains } from './across-domains.ts'
import { checkIdentityProvider } from './as-identity-provider.ts'
import { checkRelyingParty } from './as-relying-party.ts'
import { missingKeycloak, VERSION } from './distribution.ts'
import { Keycloak } from './keycloak.ts'
import { makeRealm } from './realm.ts'
import { BANK, bankRules, DOMAIN, GATEWAY_ID, REALM, rulesFor, type Scene } from './scene.ts'

const PROGRAM = fileURLToPath(new URL('../support/programs/jwt-svid.ts', import.meta.url))
const PROGRAM_TIMEOUT_MS = 30_000

/**
 * Keycloak on both sides: its users' tokens are exchanged by us, also across two trust domains, and it takes our JWT-SVIDs for its
 * clients.
 */
export const suite: InteropSuite = {
  missing: ({ processes }) => missingKeycloak(processes),

  async run(context) {
    const scene = await setScene(context)
    context.report.add({ check: 'Keycloak starts', ok: true, detail: VERSION })
    await checkIdentityProvider(context.report, scene)
    await checkRelyingParty(context.report, scene)
    await checkAcrossDomains(context, scene)
  },
}

async function setScene(context: SuiteContext): Promise<Scene> {
  const { processes, temporaryFolder } = context
  const [port, httpPort, bankPort] = [await freePort(), await freePort(), await freePort()]
  const web = await makeWebCertificate(processes, temporaryFolder)
  const service = await startTokenService(context, DOMAIN, {
    rules: rulesFor(tokenServiceOn(bankPort)),
    tokenService: {
      issuers: [
        {
          claims: { email: 'email' },
          ...{ name: 'people', issuer: Keycloak.issuerOf(port, REALM), profiles: ['access-token'], discovery: true },
          ...{ webRootsFile: web.certificate, allowedAddresses: ['127.0.0.1'], refreshInterval: 10 },
        },
      ],
    },
  })
  const { domain } = service
  const bank = await startTokenService(context, BANK, {
    port: bankPort,
    rules: bankRules,
    tokenService: {
      issuers: [
        {
          ...{ name: 'shop', issuer: service.issuer, profiles: ['authorization-grant'], discovery: true },
          ...{ webRootsFile: domain.publicRootFile, allowedAddresses: ['127.0.0.1', '::1'], subjectPrefix: 'shop/' },
          claims: { email: 'email' },
        },
      ],
    },
  })
  const roots = [web.certificate, domain.publicRootFile, bank.domain.publicRootFile]
  const rootsFile = join(temporaryFolder, 'web-roots.pem')
  await writeFile(rootsFile, (await Promise.all(roots.map((file) => readFile(file, 'utf8')))).join(''))
  await domain.register({
    spiffeId: GATEWAY_ID,
    selectors: [{ type: 'unix', value: `script:path:${PROGRAM}` }, thisUser()],
  })
  const secrets = { password: secret(), clientSecret: secret(), adminPassword: secret() }
  const keycloak = await Keycloak.start(processes, {
    ...{ folder: join(temporaryFolder, 'keycloak'), port, httpPort, web, trustedRootFile: domain.publicRootFile },
    adminPassword: secrets.adminPassword,
    realm: makeRealm({
      ...{ realm: REALM, password: secrets.password, clientSecret: secrets.clientSecret },
      ...{ tokenService: service.issuer, trustDomain: DOMAIN, callerId: GATEWAY_ID },
      bundleEndpoint: domain.bundleEndpointUrl,
    }) as { readonly realm: string },
  })
  return {
    ...{ service, bank, rootsFile },
    keycloak,
    secrets,
    async jwtSvid(audience) {
      const env = { SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket }
      const done = await processes.run(process.execPath, [PROGRAM, audience], { env, timeoutMs: PROGRAM_TIMEOUT_MS })
      if (done.exitCode !== 0) throw new Error(`no JWT-SVID: ${done.stderr}`)
      return done.stdout.trim()
    },
  }
}

const secret = () => randomBytes(16).toString('hex')
