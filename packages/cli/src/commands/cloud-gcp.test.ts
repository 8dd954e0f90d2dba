import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fakeWorkloadApi } from '../test-support/fake-workload-api.ts'
import { jwtSvid } from '../test-support/jwt-svid.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const APP = 'spiffe://example.org/app'
const PROVIDER =
  '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/countersign/providers/countersign'
const config = (...more: string[]) => [
  ...['cloud', 'gcp', 'config', '--id', APP, '--issuer', 'https://id.example.org', '--project', 'my-project'],
  ...['--project-number', '123456789012', '--output', 'json', ...more],
]

describe('cloud gcp config', () => {
  it('makes an executable-sourced configuration without secrets', async () => {
    const { stdout } = await runCli(config('--output-file', '/run/app/gcp-token.json'))
    const { steps, audience } = JSON.parse(stdout)
    expect(audience).toBe(`https:${PROVIDER}`)
    expect(JSON.parse(steps[1].file.text)).toEqual({
      universe_domain: 'googleapis.com',
      type: 'external_account',
      audience: PROVIDER,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: 'https://sts.googleapis.com/v1/token',
      credential_source: {
        executable: {
          command: `countersign cloud gcp credentials --id ${APP}`,
          timeout_millis: 60_000,
          output_file: '/run/app/gcp-token.json',
        },
      },
    })
    expect(steps[1].commands).toEqual([
      'export GOOGLE_APPLICATION_CREDENTIALS=credentials.json',
      'export GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1',
    ])
  })

  it('lets in that SPIFFE ID alone: by the condition of the provider, and by the binding', async () => {
    const { steps } = JSON.parse(
      (await runCli(config('--service-account', 'app@my-project.iam.gserviceaccount.com'))).stdout,
    )
    const [pool, provider, binding] = steps[0].commands.map((command: string) => command.replace(/ \\\n +/g, ' '))
    expect(pool).toBe('gcloud iam workload-identity-pools create countersign --project my-project --location global')
    expect(provider).toContain(
      `--issuer-uri https://id.example.org --attribute-mapping google.subject=assertion.sub --attribute-condition 'assertion.sub == "${APP}"'`,
    )
    expect(provider).not.toContain('--allowed-audiences')
    expect(binding).toBe(
      'gcloud iam service-accounts add-iam-policy-binding app@my-project.iam.gserviceaccount.com --project my-project ' +
        `--member principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/countersign/subject/${APP} ` +
        '--role roles/iam.workloadIdentityUser',
    )
    expect(JSON.parse(steps[1].file.text).service_account_impersonation_url).toBe(
      'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/app@my-project.iam.gserviceaccount.com:generateAccessToken',
    )
  })

  it('makes a file-sourced one, and says what keeps the file fresh', async () => {
    const { steps } = JSON.parse((await runCli(config('--token-file', '/run/app/gcp-token'))).stdout)
    expect(JSON.parse(steps[1].file.text).credential_source).toEqual({
      file: '/run/app/gcp-token',
      format: { type: 'text' },
    })
    expect(steps[1].commands).toHaveLength(1)
    expect(steps[2].commands[0]).toContain(`--for gcp \\\n    --audience https:${PROVIDER} \\\n`)
  })

  it('has an audience of its own accepted by the provider', async () => {
    const { steps } = JSON.parse((await runCli(config('--audience', 'my-audience'))).stdout)
    expect(steps[0].commands[1]).toContain('--allowed-audiences my-audience')
    expect(JSON.parse(steps[1].file.text).credential_source.executable.command).toMatch(/ --audience my-audience$/)
  })

  it.each([
    ['a SPIFFE ID that is too long', ['--id', `spiffe://example.org/${'a'.repeat(107)}`], 1, 'ERR_CLOUD_SUBJECT'],
    ['a pool of Google', ['--pool', 'gcp-pool'], 2, 'ERR_CLI_USAGE'],
    ['a project id for a number', ['--project-number', 'my-project'], 2, 'ERR_CLI_USAGE'],
    ['two sources', ['--token-file', '/a', '--output-file', '/b'], 2, 'ERR_CLI_USAGE'],
    ['no service account', ['--service-account', 'app@evil.example/x:y'], 2, 'ERR_CLI_USAGE'],
  ])('refuses %s', async (_, args, code, error) => {
    const result = await runCli(config(...args))
    expect(result.code).toBe(code)
    expect(result.stderr).toContain(`(${error})`)
  })
})

describe('cloud gcp credentials', () => {
  const ENV = {
    GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE: PROVIDER,
    GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE: 'urn:ietf:params:oauth:token-type:jwt',
  }
  const run = async (env: Record<string, string>, svid: string, ...args: string[]) => {
    const api = fakeWorkloadApi({ jwtSvid: { svids: [{ spiffeId: APP, svid, hint: '' }] } })
    return { api, ...(await runCli(['cloud', 'gcp', 'credentials', ...args], { ...api, env: { ...ENV, ...env } })) }
  }

  it('prints the token as the contract of executables wants it', async () => {
    const svid = await jwtSvid()
    const { api, code, stdout, stderr } = await run({}, svid, '--id', APP)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      success: true,
      token_type: 'urn:ietf:params:oauth:token-type:jwt',
      id_token: svid,
      expiration_time: NOW + 270,
    })
    expect(api.requests).toEqual([{ audience: [`https:${PROVIDER}`], spiffeId: APP }])
  })

  it('writes the output file for its owner only, with an end that is not past', async () => {
    const file = join(await temporaryFolder(), 'token.json')
    const { stdout } = await run({ GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE: file }, await jwtSvid({ ttlSeconds: 10 }))
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(JSON.parse(stdout))
    expect(JSON.parse(stdout).expiration_time).toBe(NOW + 1)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it.each([
    ['no audience', { GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE: '' }, 'ERR_CLOUD_AUDIENCE'],
    ['an audience of others', { GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE: 'https://orders.example' }, 'ERR_CLOUD_AUDIENCE'],
    ['a provider with more behind it', { GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE: `${PROVIDER}/x` }, 'ERR_CLOUD_AUDIENCE'],
    [
      'a SAML token',
      { GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE: 'urn:ietf:params:oauth:token-type:saml2' },
      'ERR_CLOUD_EXECUTABLE',
    ],
    ['revocation', { GOOGLE_EXTERNAL_ACCOUNT_REVOKE: '1' }, 'ERR_CLOUD_EXECUTABLE'],
    ['interactive mode', { GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE: '1' }, 'ERR_CLOUD_EXECUTABLE'],
  ])('is asked for %s: refuses, as the contract wants it, and asks the agent for nothing', async (_, env, code) => {
    const result = await run(env, await jwtSvid())
    expect(result).toMatchObject({ code: 1, stderr: '' })
    expect(JSON.parse(result.stdout)).toMatchObject({ version: 1, success: false, code })
    expect(result.api.requests).toEqual([])
  })

  it('says what the agent said, with what to do', async () => {
    const result = await runCli(['cloud', 'gcp', 'credentials'], { ...fakeWorkloadApi({}), env: ENV })
    expect(result).toMatchObject({ code: 1, stderr: '' })
    expect(JSON.parse(result.stdout)).toEqual({
      ...{ version: 1, success: false, code: 'ERR_WORKLOAD_API_DENIED' },
      message: expect.stringMatching(/^no identity issued; create an entry/),
    })
  })

  it('writes no file for a token that Google Cloud would refuse', async () => {
    const file = join(await temporaryFolder(), 'token.json')
    const { stdout } = await run({ GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE: file }, await jwtSvid({ alg: 'ES384' }))
    expect(JSON.parse(stdout)).toMatchObject({ success: false, code: 'ERR_CLOUD_ALGORITHM' })
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
