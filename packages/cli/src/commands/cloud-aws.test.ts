import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fakeWorkloadApi } from '../test-support/fake-workload-api.ts'
import { startHttpsServer } from '../test-support/https-server.ts'
import { jwtSvid } from '../test-support/jwt-svid.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { CREDENTIAL_FIELDS, stsErrorXml, stsXml } from '../test-support/sts-xml.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const ROLE = 'arn:aws:iam::123456789012:role/team/app'
const ISSUER = 'https://id.example.org/workloads'
const APP = 'spiffe://example.org/app'
const config = (...more: string[]) =>
  ['cloud', 'aws', 'config', '--id', APP, '--role-arn', ROLE, '--region', 'eu-central-1'].concat(more)

describe('cloud aws config', () => {
  it('prints a policy for that SPIFFE ID and audience alone, and the profile', async () => {
    const { code, stdout } = await runCli([...config('--issuer', ISSUER), '--output', 'json'])
    expect(code).toBe(0)
    const { steps, ...others } = JSON.parse(stdout)
    expect(others).toEqual({ cloud: 'aws', issuer: ISSUER, subject: APP, audience: 'sts.amazonaws.com', written: [] })
    expect(JSON.parse(steps[0].file.text)).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Federated: 'arn:aws:iam::123456789012:oidc-provider/id.example.org/workloads' },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: {
            StringEquals: {
              'id.example.org/workloads:aud': 'sts.amazonaws.com',
              'id.example.org/workloads:sub': APP,
            },
          },
        },
      ],
    })
    expect(steps[0].commands[1]).toContain(
      '--path /team/ \\\n    --assume-role-policy-document file://trust-policy.json',
    )
    expect(steps[1].file.text).toBe(
      [
        '[default]',
        'region = eu-central-1',
        `credential_process = countersign cloud aws credentials --role-arn ${ROLE} --region eu-central-1 --id ${APP} --session-name example.org.app`,
        '',
      ].join('\n'),
    )
  })

  it('prints as text what can be pasted in its order', async () => {
    const { stdout } = await runCli(config('--issuer', ISSUER))
    expect(stdout.match(/^# \d\. .*$/gm)).toHaveLength(2)
    expect(stdout).toContain(`\naws iam create-open-id-connect-provider \\\n    --url ${ISSUER} \\\n`)
  })

  it('has the SDK read a token file, and says what keeps it fresh', async () => {
    const args = ['--issuer', ISSUER, '--token-file', '/run/app/token', '--profile', 'app', '--output', 'json']
    const { steps } = JSON.parse((await runCli(config(...args))).stdout)
    expect(steps[1].file.text).toBe(
      [
        '[profile app]',
        'region = eu-central-1',
        `role_arn = ${ROLE}`,
        'role_session_name = example.org.app',
        'web_identity_token_file = /run/app/token',
        '',
      ].join('\n'),
    )
    expect(steps[2].commands[0].replace(/ \\\n +/g, ' ')).toBe(
      `countersign jwt watch --for aws --audience sts.amazonaws.com --id ${APP} --file /run/app/token`,
    )
  })

  it('hands on what the command needs beyond the usual', async () => {
    const args = [
      '--issuer',
      ISSUER,
      '--audience',
      'my-client',
      '--endpoint',
      'https://vpce.example/sts',
      '--socket',
      '/w.sock',
    ]
    const { stdout } = await runCli(config(...args, '--command', '/opt/my tools/countersign'))
    expect(stdout).toContain('credential_process = "/opt/my tools/countersign" cloud aws credentials')
    expect(stdout).toContain('--audience my-client --endpoint https://vpce.example/sts --socket /w.sock\n')
    expect(stdout).toContain('"id.example.org/workloads:aud": "my-client"')
  })

  it('writes the files', async () => {
    const folder = await temporaryFolder()
    const { stdout } = await runCli(config('--issuer', ISSUER, '--write', folder))
    expect(JSON.parse(await readFile(join(folder, 'trust-policy.json'), 'utf8'))).toMatchObject({
      Version: '2012-10-17',
    })
    expect(await readFile(join(folder, 'config'), 'utf8')).toMatch(/^\[default\]\n/)
    expect(stdout).toContain(`# wrote ${join(folder, 'config')}\n`)
    expect(stdout).toContain(`file://${join(folder, 'trust-policy.json')}\n`)
  })

  it.each([
    ['an issuer with a port', ['--issuer', 'https://id.example.org:8443'], 1, 'ERR_CLOUD_ISSUER'],
    ['no issuer', [], 2, 'ERR_CLI_USAGE'],
    ['an endpoint in the clear', ['--issuer', ISSUER, '--endpoint', 'http://sts.example'], 2, 'ERR_CLI_USAGE'],
    ['a command that a shell would act on', ['--issuer', ISSUER, '--command', '$(id)'], 1, 'ERR_CLOUD_ARGUMENT'],
    ['a relative token file', ['--issuer', ISSUER, '--token-file', 'token'], 2, 'ERR_CLI_USAGE'],
    ['a token file with a line feed', ['--issuer', ISSUER, '--token-file', '/a\nb'], 2, 'ERR_CLI_USAGE'],
  ])('refuses %s', async (_, args, code, error) => {
    const result = await runCli(config(...args))
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr).toContain(`(${error})`)
  })

  it('refuses a partition whose STS it does not know, unless it is named', async () => {
    const args = ['cloud', 'aws', 'config', '--id', APP, '--issuer', ISSUER, '--region', 'us-iso-east-1']
    args.push('--role-arn', 'arn:aws-iso:iam::123456789012:role/app')
    expect((await runCli(args)).stderr).toContain('name it by --endpoint')
    expect((await runCli([...args, '--endpoint', 'https://sts.example'])).code).toBe(0)
  })
})

describe('cloud aws credentials', () => {
  const credentials = (...more: string[]) => ['cloud', 'aws', 'credentials', '--role-arn', ROLE].concat(more)
  const workloadApi = async (options?: Parameters<typeof jwtSvid>[0]) => {
    const svid = await jwtSvid(options)
    return { svid, api: fakeWorkloadApi({ jwtSvid: { svids: [{ spiffeId: APP, svid, hint: '' }] } }) }
  }

  async function withSts(answer: { status?: number; body: string }, ...args: string[]) {
    const sts = await startHttpsServer(() => answer)
    const roots = join(await temporaryFolder(), 'roots.pem')
    await writeFile(roots, sts.roots)
    const { svid, api } = await workloadApi()
    const result = await runCli(credentials('--endpoint', sts.url, ...args), { ...api, env: { AWS_CA_BUNDLE: roots } })
    return { svid, api, result, asked: sts.asked.map((line) => new URLSearchParams(line.replace('POST / ', ''))) }
  }

  it('exchanges the token at STS and prints what credential_process promises', async () => {
    const { svid, api, result, asked } = await withSts({ body: stsXml() }, '--id', APP, '--duration', '15m')
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(result.stdout)).toEqual({ Version: 1, ...CREDENTIAL_FIELDS })
    expect(api.requests).toEqual([{ audience: ['sts.amazonaws.com'], spiffeId: APP }])
    expect(asked.map((form) => Object.fromEntries(form))).toEqual([
      {
        Action: 'AssumeRoleWithWebIdentity',
        Version: '2011-06-15',
        RoleArn: ROLE,
        RoleSessionName: 'example.org.app',
        WebIdentityToken: svid,
        DurationSeconds: '900',
      },
    ])
  })

  it('says on standard error what STS says, without the token', async () => {
    const { svid, result } = await withSts({ status: 403, body: stsErrorXml('AccessDenied', 'Not authorized') })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toMatch(
      /^error: STS refuses: AccessDenied \(ERR_CLOUD_REFUSED\)\ndetail: Not authorized\nhint: /,
    )
    expect(result.stderr).not.toContain(svid)
  })

  it('refuses credentials that have ended', async () => {
    const expired = { ...CREDENTIAL_FIELDS, Expiration: new Date(NOW * 1000).toISOString() }
    const { result } = await withSts({ body: stsXml(expired) })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain('(ERR_CLOUD_ANSWER)')
  })

  it('follows no redirect: the token goes where it was meant to go', async () => {
    const { result, asked } = await withSts({ status: 307, body: '' })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(asked).toHaveLength(1)
  })

  it('shows the token to nobody whose certificate it does not believe', async () => {
    const sts = await startHttpsServer(() => ({ body: stsXml() }))
    const { api } = await workloadApi()
    const { stderr } = await runCli(credentials('--endpoint', sts.url), api)
    expect(stderr).toContain('(ERR_CLOUD_UNREACHABLE)')
    expect(sts.asked).toEqual([])
  })

  it('asks nobody with a token that AWS would refuse', async () => {
    const { api } = await workloadApi({ issuer: null })
    const { stderr } = await runCli(credentials('--endpoint', 'https://127.0.0.1:9'), api)
    expect(stderr).toContain('(ERR_CLOUD_ISSUER)\nhint: set `svids.jwtIssuer`')
  })

  it.each([
    ['no region', {}],
    ['a region that leads elsewhere', { AWS_REGION: 'evil.example/#' }],
  ])('wants a region when there is %s', async (_, env) => {
    const { code, stderr } = await runCli(credentials(), { env })
    expect(code).toBe(2)
    expect(stderr).toContain('AWS_REGION')
  })

  it.each(['14m', '13h'])('knows how long a session can be: not %s', async (duration) => {
    expect((await runCli(credentials('--region', 'eu-central-1', '--duration', duration))).code).toBe(2)
  })
})
