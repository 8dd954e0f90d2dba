import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { runForeignClient } from '../support/foreign-client.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import { missingNpmPackage, npmFolder } from '../support/npm-package.ts'
import { startTokenService } from '../support/token-service.ts'
import { checkKeycloak } from './keycloak.ts'
import { checkOidcProvider } from './oidc-provider.ts'
import { ATTESTER, DOMAIN, rules, type Scene } from './scene.ts'

const WALLET_LIBRARY = '@openid4vc/oauth2'
const WALLET_VERSION = '0.4.6'
const TIMEOUT_MS = 60_000

/** Attestation-based client authentication, by others at our token service and by us at theirs. */
export const suite: InteropSuite = {
  missing: ({ processes }) => missingNpmPackage(processes, WALLET_LIBRARY, WALLET_VERSION),

  async run(context) {
    const attester = generateSigningKey('ES256', { kid: 'attester-1' })
    // The library of wallets knows no challenges: for it, a service that asks for none.
    await runClient(context, 'oauth4webapi', attester, { attestationChallenge: true, dpopNonce: true })
    await runClient(context, 'openid4vc', attester, {}, npmFolder(WALLET_LIBRARY, WALLET_VERSION))
    await checkOidcProvider(context)
    await checkKeycloak(context)
  },
}

async function runClient(
  context: SuiteContext,
  program: string,
  attester: NodeSigningKey,
  settings: object,
  library?: string,
): Promise<void> {
  const { domain, issuer } = await startTokenService(context, `${program}.${DOMAIN}`, {
    rules,
    tokenService: {
      ...settings,
      issuers: [
        {
          ...{ name: 'attester', issuer: ATTESTER, profiles: ['client-attestation'] },
          jwks: { keys: [attester.publicJwk] },
        },
      ],
    },
  })
  const scene: Scene = {
    issuer,
    attesterKey: { ...attester.exportJwk(), kid: 'attester-1' },
    ...(library === undefined ? {} : { library }),
  }
  const sceneFile = join(context.temporaryFolder, `${program}.json`)
  await writeFile(sceneFile, JSON.stringify(scene), { mode: 0o600 })
  await runForeignClient(context, {
    command: process.execPath,
    args: [fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url)), sceneFile],
    env: { NODE_EXTRA_CA_CERTS: domain.publicRootFile },
    timeoutMs: TIMEOUT_MS,
  })
}
