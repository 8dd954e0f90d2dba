/** The README's ten-line program, pasted into a new folder, gets an identity from the running demo. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { COMMAND, countersign, Program } from './support/program.ts'

const README = fileURLToPath(new URL('../README.md', import.meta.url))
const SDK = fileURLToPath(new URL('../packages/sdk', import.meta.url))

const base = mkdtempSync(join(tmpdir(), 'cs-'))
let demo: Program | undefined

afterEach(async () => {
  await demo?.stop()
  rmSync(base, { recursive: true, force: true })
})

function readmeProgram(): string {
  const [, program] = /`hello\.mjs`:\n\n```js\n([\s\S]*?)```/.exec(readFileSync(README, 'utf8')) ?? []
  if (program === undefined) throw new Error('README.md shows no hello.mjs')
  return program
}

/** What the shell makes of `eval "$(countersign demo env)"`. */
function parseExports(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]))
}

it('gets an identity, calls the storefront and is recognised', async () => {
  const folder = join(base, 'hello')
  mkdirSync(join(folder, 'node_modules', '@countersign'), { recursive: true })
  symlinkSync(SDK, join(folder, 'node_modules', '@countersign', 'sdk'))
  const script = join(folder, 'hello.mjs')
  writeFileSync(script, readmeProgram())

  demo = new Program([COMMAND, 'demo'], { TMPDIR: base })
  await demo.untilOutput(/Ctrl-C ends the demo/)
  // The demo tells the same program as the README.
  const told = demo.output.split('\n').map((line) => line.trim())
  expect(told).toEqual(expect.arrayContaining(readmeProgram().trim().split('\n')))
  const env = parseExports((await countersign(['demo', 'env'], { TMPDIR: base })).stdout)
  const { DEMO_AGENT_ID = '' } = env
  const created = await countersign(
    [
      'entry',
      'create',
      '--id=spiffe://shop.example/hello',
      `--parent=${DEMO_AGENT_ID}`,
      `--selector=unix:uid:${process.getuid?.()}`,
      `--selector=unix:script:path:${script}`,
    ],
    env,
  )
  expect(created, created.stderr).toMatchObject({ exitCode: 0 })

  const hello = await new Program([script], env).finished()
  expect(hello.stdout).toContain('I am spiffe://shop.example/hello')
  expect(hello.stdout).toContain('The storefront says: you are spiffe://shop.example/hello, proved by wpt')
  expect(hello.exitCode).toBe(0)
}, 60_000)
