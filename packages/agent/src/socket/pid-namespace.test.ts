import { expect, it } from 'vitest'
import { parseNamespaceDepth, sharesPidNamespace } from './pid-namespace.ts'

it.each([
  ['one number', 'Name:\tsleep\nNSpid:\t4711\nVmPeak:\t1 kB\n', 1],
  ['a number in each namespace', 'NStgid:\t1\t2\t3\nNSpid:\t4711\t17\t1\n', 3],
  ['nothing, where the kernel knows no namespaces', 'Name:\tsleep\nPid:\t4711\n', 1],
  ['something else in a name that looks like it', 'Name:\tNSpid:\t1\t2\nNSpid:\t4711\n', 1],
])('counts the namespaces of a process with %s', (_, status, depth) => {
  expect(parseNamespaceDepth(status)).toBe(depth)
})

it.each([
  ['this process', process.pid, true],
  ['none', 2 ** 30, false],
  ['one the kernel does not show', 0, false],
])('%s shares the namespace of this process: %s', (_, pid, expected) => {
  expect(sharesPidNamespace(pid)).toBe(expected)
})
