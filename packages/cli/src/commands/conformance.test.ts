import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

function identifierCase(id: string, identifier: string, change: object = {}) {
  const rest = { area: 'identifier', level: 'MUST', now: null, expect: 'accept', reason: 'ok' }
  return { id, input: { identifier }, ...rest, ...change }
}

const GOOD = identifierCase('good', 'spiffe://a.example/b')
const WRONG = identifierCase('wrong', 'spiffe://a.example/b', { expect: 'reject', reason: 'id_path' })
const REFUSED = identifierCase('refused', 'spiffe://a.example/', { level: 'SHOULD' })
const FOREIGN = identifierCase('foreign', '', { area: 'later-area', level: 'policy' })

/** A folder with two files of cases, one below the other, beside files that hold none. */
async function corpus(...cases: readonly object[]): Promise<string> {
  const folder = await temporaryFolder()
  const write = (name: string, value: object) => writeFile(join(folder, name), JSON.stringify(value))
  await mkdir(join(folder, 'below'))
  await mkdir(join(folder, 'node_modules'))
  await write('a.json', { format: 'countersign-conformance/v1', area: 'identifier', cases })
  await write('below/b.json', { format: 'countersign-conformance/v1', area: 'identifier', cases: [GOOD] })
  await write('package.json', { name: 'no cases' })
  await write('node_modules/c.json', { format: 'countersign-conformance/v9' })
  await writeFile(join(folder, 'README.md'), 'no cases')
  return folder
}

describe('conformance run', () => {
  it('prints one line for each failing or skipped case, and the sum last', async () => {
    const { code, stdout, stderr } = await runCli(['conformance', 'run', await corpus(GOOD, WRONG, REFUSED, FOREIGN)])
    expect(code).toBe(1)
    expect(stderr).toBe('')
    expect(stdout.split('\n')).toEqual([
      'failed  wrong (MUST): expected reject (id_path), got accept',
      'failed  refused (SHOULD): expected accept (ok), got reject, ERR_IDENTIFIER_PATH_MISSING',
      'skipped foreign (policy): area not implemented yet',
      '2 passed, 2 failed, 1 skipped',
      '',
    ])
  })

  it('exits with 0 when nothing failed, skipped cases or not', async () => {
    expect(await runCli(['conformance', 'run', await corpus(GOOD, FOREIGN)])).toEqual({
      code: 0,
      stdout: 'skipped foreign (policy): area not implemented yet\n2 passed, 0 failed, 1 skipped\n',
      stderr: '',
    })
  })

  it.each([['--json'], ['--output=json']])('prints one object with %s', async (flag) => {
    const { code, stdout } = await runCli(['conformance', 'run', flag, await corpus(REFUSED, FOREIGN)])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 1,
      cases: [
        {
          ...{ id: 'refused', area: 'identifier', level: 'SHOULD', expect: 'accept', got: 'reject' },
          ...{ code: 'ERR_IDENTIFIER_PATH_MISSING', reason: 'ok', ok: false },
        },
        {
          ...{ id: 'foreign', area: 'later-area', level: 'policy', expect: 'accept', got: null, code: null },
          ...{ reason: 'ok', ok: false, skipped: 'area not implemented yet' },
        },
        {
          ...{ id: 'good', area: 'identifier', level: 'MUST', expect: 'accept', got: 'accept' },
          ...{ code: null, reason: 'ok', ok: true },
        },
      ],
    })
  })

  it.each([
    [['--level', 'SHOULD'], '0 passed, 1 failed, 0 skipped'],
    [['--area', 'later-area'], '0 passed, 0 failed, 1 skipped'],
    [['--area', 'identifier', '--level', 'MUST'], '1 passed, 0 failed, 0 skipped'],
  ])('selects by %j', async (flags, sum) => {
    const { stdout } = await runCli(['conformance', 'run', await corpus(REFUSED, FOREIGN), ...flags])
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(sum)
  })

  it('reads a file named twice once', async () => {
    const folder = await corpus(GOOD)
    const { stdout } = await runCli(['conformance', 'run', join(folder, 'a.json'), folder])
    expect(stdout).toBe('2 passed, 0 failed, 0 skipped\n')
  })

  it.each([
    ['a path that does not exist', '/nonexistent', 'ERR_CLI_FILE_NOT_FOUND'],
    ['a folder without cases', 'below/none', 'ERR_CONFORMANCE_NO_CASES'],
    ['a file that holds no cases', 'package.json', 'ERR_CONFORMANCE_FORMAT'],
    ['a file that is not JSON', 'README.md', 'ERR_CLI_FILE_MALFORMED'],
  ])('refuses %s', async (_, name, code) => {
    const folder = await corpus(GOOD)
    await mkdir(join(folder, 'below/none'))
    const result = await runCli(['conformance', 'run', name.startsWith('/') ? name : join(folder, name)])
    expect(result.code).toBe(1)
    expect(result.stderr).toContain(`(${code})`)
  })

  it('refuses a later version of the format, even in a folder', async () => {
    const folder = await corpus(GOOD)
    await writeFile(join(folder, 'later.json'), '{"format":"countersign-conformance/v2","cases":[]}')
    expect((await runCli(['conformance', 'run', folder])).stderr).toContain('(ERR_CONFORMANCE_FORMAT)')
  })
})
