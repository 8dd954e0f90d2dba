import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as server from '@countersign/server'
import { describe, expect, it } from 'vitest'
import { runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const ISSUER = 'https://id.example.org'
const ID = ['--id', 'spiffe://example.org/app']
const AWS = ['cloud', 'aws', 'config', '--role-arn', 'arn:aws:iam::123456789012:role/app', '--region', 'eu-central-1']
const GCP = ['cloud', 'gcp', 'config', '--project', 'my-project', '--project-number', '123456789012']
const GUID = '11111111-2222-3333-4444-555555555555'
const AZURE = ['cloud', 'azure', 'config', '--client-id', GUID, '--tenant-id', GUID, '--token-file', '/run/token']

async function withConfig(settings: object, ...args: string[]) {
  const path = join(await temporaryFolder(), 'server.yaml')
  await writeFile(path, JSON.stringify({ trustDomain: 'example.org', dataDir: '.', ...settings }))
  const modules = { serverData: async () => server }
  return runCli([...args, ...ID, '--server-config', path], { modules })
}

describe('--server-config', () => {
  it('gives the issuer', async () => {
    const { stdout } = await withConfig({ svids: { jwtIssuer: ISSUER } }, ...AWS)
    expect(stdout).toContain(`--url ${ISSUER}`)
  })

  it.each([
    ['no issuer', {}, AWS, 'set "svids.jwtIssuer"'],
    [
      'another issuer',
      { svids: { jwtIssuer: 'https://other.example' } },
      [...AWS, '--issuer', ISSUER],
      'is not that of',
    ],
    [
      'another trust domain',
      { trustDomain: 'other.example', svids: { jwtIssuer: ISSUER } },
      AWS,
      'not of other.example',
    ],
  ])('is refused with %s', async (_, settings, args, message) => {
    const { code, stderr } = await withConfig(settings, ...args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })

  it.each([
    ['the algorithm', AZURE, {}, 'ERR_CLOUD_ALGORITHM', 'hint: set `authorities.jwtAlgorithm` of the server to RS256'],
    ['the lifetime', GCP, { svids: { jwtTtl: 200_000 } }, 'ERR_CLOUD_LIFETIME', 'hint: shorten `svids.jwtTtl`'],
    ['the port', AWS, { svids: { jwtIssuer: `${ISSUER}:8443` } }, 'ERR_CLOUD_ISSUER', 'must not have a port'],
  ])('is checked for %s that the cloud wants', async (_, args, settings: { svids?: object }, code, said) => {
    const result = await withConfig({ ...settings, svids: { jwtIssuer: ISSUER, ...settings.svids } }, ...args)
    expect(result.code).toBe(1)
    expect(result.stderr).toContain(`(${code})`)
    expect(result.stderr).toContain(said)
  })

  it('lets Azure have RS256', async () => {
    const settings = { svids: { jwtIssuer: ISSUER }, authorities: { jwtAlgorithm: 'RS256' } }
    expect((await withConfig(settings, ...AZURE)).code).toBe(0)
  })
})
