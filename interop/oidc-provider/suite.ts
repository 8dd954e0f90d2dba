import { generateKeyPairSync, type webcrypto } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { missingProgram } from '../support/debian-package.ts'
import { runForeignClient } from '../support/foreign-client.ts'
import { freePort } from '../support/free-port.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { startTokenService } from '../support/token-service.ts'
import { until } from '../support/until.ts'
import { makeWebCertificate } from '../support/web-certificate.ts'
import { CLIENT, DOMAIN, type PrivateJwk, rulesFor, type Scenario } from './scene.ts'

const TIMEOUT_MS = 90_000
const program = (name: string) => fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))

/** oidc-provider as authorization server of another domain: takes our grants, and gives us its own. */
export const suite: InteropSuite = {
  missing: ({ processes }) => missingProgram(processes, 'openssl', ['version'], 'openssl'),

  async run(context) {
    const { processes, report, temporaryFolder } = context
    const [port, ourPort] = [await freePort(), await freePort()]
    const theirs = `https://127.0.0.1:${port}`
    const web = await makeWebCertificate(processes, temporaryFolder)
    const [clientKey, providerKey] = [ecKey('client-1'), ecKey('provider-1')]
    const scenarioFile = join(temporaryFolder, 'scenario.json')
    const scenario: Scenario = {
      ...{ ours: `https://localhost:${ourPort}/oauth2`, theirs, port, clientKey, providerKey },
      ...{ certificate: web.certificate, certificateKey: web.key },
    }
    await writeFile(scenarioFile, JSON.stringify(scenario), { mode: 0o600 })
    const rootsFile = join(temporaryFolder, 'web-roots.pem')
    const { d: _, ...publicClientKey } = clientKey

    const { domain } = await startTokenService(context, DOMAIN, {
      port: ourPort,
      rules: rulesFor(theirs),
      tokenService: {
        issuers: [
          {
            ...{ name: 'provider', issuer: theirs, profiles: ['authorization-grant'], discovery: true },
            ...{ webRootsFile: web.certificate, allowedAddresses: ['127.0.0.1'], refreshInterval: 10 },
            subjectPrefix: 'provider/',
          },
        ],
        clients: [{ id: CLIENT, jwks: { keys: [{ ...publicClientKey, use: 'sig' }] } }],
      },
    })
    await writeFile(rootsFile, web.pem + (await readFile(domain.publicRootFile, 'utf8')))
    const logFile = join(temporaryFolder, 'provider.log')
    const env = { NODE_EXTRA_CA_CERTS: rootsFile }
    processes.start(process.execPath, [program('provider'), scenarioFile], { logFile, env })
    const accessToken = await until(async () => {
      const log = await readFile(logFile, 'utf8').catch(() => '')
      return /\{"accessToken":"([^"]+)"\}/.exec(log)?.[1]
    }, 'an oidc-provider that is ready')
    // Its keys are asked for at the start, and were not there.
    await domain.restartServer()
    await runForeignClient(
      { processes, report },
      {
        command: process.execPath,
        args: [program('chaining'), scenarioFile, accessToken],
        env: { NODE_EXTRA_CA_CERTS: rootsFile },
        timeoutMs: TIMEOUT_MS,
      },
    )
  },
}

function ecKey(kid: string): PrivateJwk {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...(privateKey.export({ format: 'jwk' }) as webcrypto.JsonWebKey), kid, alg: 'ES256' }
}
