/** `server validate`, with the server's own reading of the files. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { heavyModules } from '../heavy-modules.ts'
import { runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const RULE = {
  name: 'orders',
  grant: 'client_credentials',
  subject: { profile: 'service-account', issuer: 'cluster', subject: ['system:serviceaccount:test:default'] },
  to: { profile: 'access-token', audience: ['https://orders.example'] },
}
const CLUSTER = { name: 'cluster', issuer: 'https://cluster.example', profiles: ['service-account'], discovery: true }

async function validate(rules: unknown, tokenService: object = {}) {
  const folder = await temporaryFolder()
  const config = join(folder, 'server.yaml')
  const value = {
    trustDomain: 'example.org',
    dataDir: 'data',
    tokenService: {
      issuer: 'https://id.example.org/oauth2',
      rulesFile: 'rules.yaml',
      issuers: [CLUSTER],
      ...tokenService,
    },
  }
  await writeFile(config, JSON.stringify(value))
  if (rules !== undefined) await writeFile(join(folder, 'rules.yaml'), JSON.stringify(rules))
  return runCli(['server', 'validate', '--config', config], { modules: { server: heavyModules.server } })
}

describe('server validate', () => {
  it('is content with a document of rules that can be meant, and asks no issuer', async () => {
    expect(await validate({ rules: [RULE] })).toEqual({ code: 0, stdout: 'configuration is valid\n', stderr: '' })
  })

  it.each<[string, unknown, object, RegExp]>([
    ['that is not there', undefined, {}, /rules.yaml" cannot be read \(ENOENT\).*ERR_CONFIG_NOT_FOUND/],
    ['with an unknown member', { rules: [{ ...RULE, too: 1 }] }, {}, /"rules\[0\]\.too".*ERR_EXCHANGE_RULES/],
    [
      'with a rule for an issuer that is not configured',
      { rules: [{ ...RULE, subject: { ...RULE.subject, issuer: 'other' } }] },
      {},
      /rule "orders": subject: no issuer is named "other"/,
    ],
    [
      'with a rule that can never hold',
      { rules: [{ ...RULE, to: { ...RULE.to, profile: 'wit' } }] },
      {},
      /rule "orders": to: client_credentials ends in an access-token only/,
    ],
    [
      'with a rule that never counts',
      { rules: [RULE, { ...RULE, name: 'again' }] },
      {},
      /rule "again": never counts, since "orders"/,
    ],
    [
      'for an issuer that vouches by no such profile',
      { rules: [] },
      { issuers: [{ ...CLUSTER, profiles: ['wit'] }] },
      /issuer "cluster": by "wit" trust domains vouch.*ERR_EXCHANGE_ISSUER/,
    ],
    [
      'for an issuer whose keys come from nowhere',
      { rules: [] },
      { issuers: [{ ...CLUSTER, discovery: undefined }] },
      /issuer "cluster": exactly one of/,
    ],
    [
      'for a client whose keys come from nowhere',
      { rules: [] },
      { issuers: [], clients: [{ id: 'shop' }] },
      /"shop": exactly one of/,
    ],
  ])('refuses what a server would not start with: a document %s', async (_, rules, tokenService, message) => {
    const { code, stdout, stderr } = await validate(rules, tokenService)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(message)
  })
})
