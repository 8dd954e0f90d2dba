import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ATTESTATION_FIELDS,
  ClientAttestationIssuer,
  ClientAttestationPopBuilder,
} from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { DISTRIBUTION, missingKeycloak, VERSION } from '../keycloak/distribution.ts'
import { freePort } from '../support/free-port.ts'
import type { SuiteContext } from '../support/interop-suite.ts'
import { hasExited } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { ATTESTER } from './scene.ts'

const REALM = 'attested'
const CLIENT = 'attested-client'
const COPY_TIMEOUT_MS = 60_000
/** A server of Java begins by building itself; minutes, on a machine that is busy. */
const START_PATIENCE_MS = 600_000

const now = () => Math.floor(Date.now() / 1000)

/**
 * Keycloak takes what our attester and our client make. It follows draft -07, which asks for `iss` in both tokens and has no
 * DPoP in place of the proof.
 */
export async function checkKeycloak(context: SuiteContext): Promise<void> {
  const { report, processes } = context
  const missing = await missingKeycloak(processes)
  if (missing !== undefined) return report.skip('client-attestation with Keycloak', missing)
  const [attester, instance] = [generateSigningKey('ES256', { kid: 'ours' }), generateSigningKey('ES256')]
  const issuer = await startKeycloak(context, attester)
  const attest = (by = attester) =>
    new ClientAttestationIssuer(by).issue({
      ...{ clientId: CLIENT, instanceKey: { ...instance.publicJwk, use: 'sig' }, claims: { iss: ATTESTER } },
      ...{ issuedAt: now(), expiresAt: now() + 300 },
    }) as string
  const prove = (by = instance, audience = issuer) =>
    new ClientAttestationPopBuilder(by, nodeCrypto).build({ audience, now: now(), issuer: CLIENT }) as string
  const stranger = generateSigningKey('ES256', { kid: 'ours' })
  const attempts: readonly [string, string, string, string][] = [
    ['takes our attestation with our PoP', 'granted', attest(), prove()],
    ['refuses a PoP by another key', '400 invalid_client_attestation', attest(), prove(stranger)],
    ['refuses a PoP for another server', '400 invalid_client_attestation', attest(), prove(instance, ATTESTER)],
    ['refuses an attestation by a stranger', '400 invalid_client_attestation', attest(stranger), prove()],
  ]
  for (const [check, expected, attestation, proof] of attempts) {
    const said = await ask(issuer, attestation, proof)
    report.add({ check: `Keycloak ${VERSION}: ${check}`, ok: said === expected, detail: said })
  }
}

/** Status and error of an answer, or that a token came. */
async function ask(issuer: string, attestation: string, proof: string): Promise<string> {
  const response = await fetch(`${issuer}/protocol/openid-connect/token`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      [ATTESTATION_FIELDS.attestation]: attestation,
      [ATTESTATION_FIELDS.proof]: proof,
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: CLIENT }).toString(),
  })
  const body = (await response.json()) as { error?: string }
  return response.ok ? 'granted' : `${response.status} ${body.error}`
}

async function startKeycloak({ processes, temporaryFolder }: SuiteContext, attester: NodeSigningKey): Promise<string> {
  const folder = join(temporaryFolder, 'keycloak')
  const copied = await processes.run('cp', ['-a', DISTRIBUTION, folder], { timeoutMs: COPY_TIMEOUT_MS })
  if (copied.exitCode !== 0) throw new Error(`cp failed: ${copied.stderr}`)
  await mkdir(join(folder, 'data/import'), { recursive: true })
  await writeFile(join(folder, 'data/import/realm.json'), JSON.stringify(makeRealm(attester)))
  const port = await freePort()
  const logFile = join(folder, 'keycloak.log')
  const args = [
    ...[join(folder, 'bin/kc.sh'), 'start-dev', '--import-realm', '--features=client-auth-abca'],
    ...[
      '--http-host=127.0.0.1',
      `--http-port=${port}`,
      `--hostname=http://127.0.0.1:${port}`,
      '--health-enabled=false',
    ],
  ]
  const server = processes.start('bash', args, { logFile })
  const isReady = async () => {
    const log = await readFile(logFile, 'utf8').catch(() => '')
    if (hasExited(server)) throw new Error(`Keycloak ended:\n${log.slice(-3000)}`)
    return /Listening on:/.test(log)
  }
  await until(isReady, 'a Keycloak that is ready', START_PATIENCE_MS)
  return `http://127.0.0.1:${port}/realms/${REALM}`
}

/** A client that proves itself by attestation alone, and whose attester is known by its key. */
function makeRealm(attester: NodeSigningKey): object {
  const { kid, ...jwk } = attester.publicJwk
  const keys = JSON.stringify({ keys: [{ ...jwk, kid, use: 'sig' }] })
  return {
    ...{ realm: REALM, enabled: true, sslRequired: 'none' },
    clients: [
      {
        ...{ clientId: CLIENT, publicClient: false, standardFlowEnabled: false, serviceAccountsEnabled: true },
        clientAuthenticatorType: 'attestation-based',
        attributes: { attester_trust_idps: 'attester' },
      },
    ],
    identityProviders: [
      {
        ...{ alias: 'attester', providerId: 'default-trust', enabled: true },
        config: { useJwksUrl: 'false', publicKeySignatureVerifier: keys, publicKeySignatureVerifierKeyId: kid },
      },
    ],
  }
}
