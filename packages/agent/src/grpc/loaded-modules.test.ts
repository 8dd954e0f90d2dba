/** What a process loads that imports the agent, seen from outside: in this one, tests have loaded all sorts of things. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const AGENT = join(import.meta.dirname, '../index.ts')
const PROGRAM = `
  import { createRequire } from 'node:module'
  await import(process.argv[1])
  console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)))
`

describe('the agent', () => {
  it('loads no gRPC library at its start: it would take as much memory as eighty idle programs', () => {
    const flags = ['--conditions=countersign-source', '--input-type=module', '--eval', PROGRAM]
    const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, AGENT], { encoding: 'utf8' })
    expect(stderr.replaceAll(/^.*ExperimentalWarning.*$|^\(Use .*$/gm, '').trim()).toBe('')
    expect(status).toBe(0)
    const loaded: string[] = JSON.parse(stdout)
    // The list does hold what the agent loads.
    expect(loaded.some((file) => file.includes('/node_modules/pino/'))).toBe(true)
    expect(loaded.filter((file) => file.includes('/node_modules/@grpc/'))).toEqual([])
  })
})
