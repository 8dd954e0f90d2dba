import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fakeWorkloadApi } from '../test-support/fake-workload-api.ts'
import { jwtSvid } from '../test-support/jwt-svid.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const APP = 'spiffe://example.org/app'

/** Asks to end as soon as it is possible: one token is written by then. */
const endsAtOnce = {
  onTerminate(handler: () => void) {
    setImmediate(handler)
    return () => {}
  },
  exitNow() {},
}

async function watch(options: Parameters<typeof jwtSvid>[0], ...args: string[]) {
  const svid = await jwtSvid(options)
  const api = fakeWorkloadApi({ jwtSvid: { svids: [{ spiffeId: APP, svid, hint: '' }] } })
  const folder = await temporaryFolder()
  const file = join(folder, 'run/token')
  const line = ['jwt', 'watch', '--audience', 'a', '--file', file, ...args]
  return { svid, api, folder, file, ...(await runCli(line, { ...api, signals: endsAtOnce })) }
}

describe('jwt watch', () => {
  it('writes the token and nothing else, for its owner only', async () => {
    const { svid, api, file, code, stdout } = await watch({}, '--id', APP)
    expect(code).toBe(0)
    expect(stdout).toBe(`wrote ${file}, valid until 2026-11-22T22:05:00Z, in 5 min\n`)
    expect(await readFile(file, 'utf8')).toBe(svid)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(file, '..'))).toEqual(['token'])
    expect(api.requests).toEqual([{ audience: ['a'], spiffeId: APP }])
  })

  it('tells of it as lines of JSON', async () => {
    const { file, stdout } = await watch({}, '--output', 'json')
    expect(JSON.parse(stdout)).toEqual({ event: 'written', file, expiresAt: NOW + 300 })
  })

  it('writes nothing that the cloud would refuse, and says why', async () => {
    const { folder, code, stderr } = await watch({ alg: 'ES256' }, '--for', 'azure')
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_CLOUD_ALGORITHM)')
    expect(await readdir(folder)).toEqual([])
  })

  it.each([
    ['azure', 1_199, /^warning: tokens live for 1199 s, and SDKs of Azure go on for 600 s .* of 1200 s or more\n$/],
    ['azure', 1_200, /^$/],
    ['aws', 60, /^$/],
  ])('warns when an SDK of %s may go on with a token of %d s that has ended', async (cloud, ttlSeconds, said) => {
    const { code, stderr } = await watch({ alg: 'RS256', ttlSeconds }, '--for', cloud)
    expect(code).toBe(0)
    expect(stderr).toMatch(said)
  })

  it('does not know other clouds', async () => {
    expect((await watch({}, '--for', 'other')).code).toBe(2)
  })

  it('ends when the program has no identity', async () => {
    const line = ['jwt', 'watch', '--audience', 'a', '--file', '/nowhere/token']
    const { code, stderr } = await runCli(line, { ...fakeWorkloadApi({}), signals: endsAtOnce })
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_WORKLOAD_API_DENIED)')
  })
})
