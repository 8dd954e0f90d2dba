import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startHttpsServer } from '../test-support/https-server.ts'
import { runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const APP = 'spiffe://example.org/team-a/app'
const ISSUER = 'https://id.example.org'
const CLIENT = '11111111-2222-3333-4444-555555555555'
const TENANT = '66666666-7777-8888-9999-000000000000'
const config = (...more: string[]) => [
  ...['cloud', 'azure', 'config', '--id', APP, '--client-id', CLIENT, '--tenant-id', TENANT],
  ...['--token-file', '/run/my app/token', ...more],
]

describe('cloud azure config', () => {
  it('makes a credential for that issuer, SPIFFE ID and audience, and the environment', async () => {
    const { stdout } = await runCli(config('--issuer', ISSUER, '--output', 'json'))
    const { steps } = JSON.parse(stdout)
    expect(JSON.parse(steps[0].file.text)).toEqual({
      name: 'countersign-example-org-team-a-app',
      issuer: ISSUER,
      subject: APP,
      audiences: ['api://AzureADTokenExchange'],
    })
    expect(steps[0].commands).toEqual([
      `az ad app federated-credential create \\\n    --id ${CLIENT} \\\n    --parameters federated-credential.json`,
    ])
    expect(steps[2].commands[0].replace(/ \\\n +/g, ' ')).toBe(
      `countersign jwt watch --for azure --audience api://AzureADTokenExchange --id ${APP} --file '/run/my app/token'`,
    )
  })

  it('writes an environment that a shell reads', async () => {
    const folder = await temporaryFolder()
    await runCli(config('--issuer', ISSUER, '--write', folder))
    const script =
      '. "$0" && printf "%s\\n" "$AZURE_CLIENT_ID" "$AZURE_TENANT_ID" "$AZURE_FEDERATED_TOKEN_FILE" "$AZURE_AUTHORITY_HOST"'
    const read = execFileSync('sh', ['-c', script, join(folder, 'azure.env')], { encoding: 'utf8' })
    expect(read).toBe(`${CLIENT}\n${TENANT}\n/run/my app/token\nhttps://login.microsoftonline.com/\n`)
    expect(JSON.parse(await readFile(join(folder, 'federated-credential.json'), 'utf8')).subject).toBe(APP)
  })

  it('has a command for managed identities', async () => {
    const args = ['--managed-identity', 'app', '--resource-group', 'prod', '--name', 'from-countersign']
    const { steps } = JSON.parse((await runCli(config('--issuer', ISSUER, '--output', 'json', ...args))).stdout)
    expect(steps[0].commands[0].replace(/ \\\n +/g, ' ')).toBe(
      'az identity federated-credential create --name from-countersign --identity-name app --resource-group prod ' +
        `--issuer ${ISSUER} --subject ${APP} --audiences api://AzureADTokenExchange`,
    )
  })

  it.each([
    ['a managed identity without its group', ['--managed-identity', 'app']],
    ['a client id that is none', ['--client-id', 'app']],
    ['a name that is too short', ['--name', 'ab']],
  ])('refuses %s', async (_, args) => {
    expect((await runCli(config('--issuer', ISSUER, ...args))).code).toBe(2)
  })

  it.each([
    [['ES256'], 1, 'ERR_CLOUD_ALGORITHM'],
    [['ES256', 'RS256'], 0, '# Tokens signed with ES256 are refused'],
    [['RS256'], 0, 'sign with RS256.'],
  ])('checks the issuer where it is served: keys of %j', async (algorithms, code, said) => {
    const server = await startHttpsServer(({ path }) => ({
      body: JSON.stringify(
        path === '/keys'
          ? { keys: algorithms.map((alg) => ({ alg })) }
          : { issuer: server.url, jwks_uri: `${server.url}/keys` },
      ),
    }))
    const roots = join(await temporaryFolder(), 'roots.pem')
    await writeFile(roots, server.roots)
    const result = await runCli(config('--issuer', server.url, '--check', '--ca-file', roots))
    expect(result.code).toBe(code)
    expect(result.stdout + result.stderr).toContain(said)
  })
})
