/** The example of the founding paper, as its readers run it: one command, and only the pod it is about gets its orders. */
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { Program } from './support/program.ts'

const EXAMPLE = fileURLToPath(new URL('../examples/kubernetes-rfc7523/main.ts', import.meta.url))

let example: Program | undefined
afterEach(() => example?.kill())

it('a service account token becomes an access token that the orders API takes; others are refused', async () => {
  example = new Program([EXAMPLE])
  const { exitCode, stdout, stderr } = await example.finished()
  expect(exitCode, stdout + stderr).toBe(0)
  const verdicts = stdout.match(/^(?:granted|refused|WRONG): .*$/gm)
  expect(verdicts).toEqual([
    'granted: the pod of the paper, system:serviceaccount:test:default',
    'granted: the same token once more: the kubelet wrote it for an hour',
    'refused: a token for the API server itself',
    'refused: a service account of another namespace',
    'refused: a token of two hours ago',
  ])
  expect(stdout.match(/orders: 200 two orders for system:serviceaccount:test:default/g)).toHaveLength(2)
  expect(stdout).toMatch(/invalid_client: credential is meant for another audience/)
  expect(stdout).toMatch(/unauthorized_client: no rule allows this/)
  expect(stdout).toMatch(/invalid_client: credential has expired/)
})
