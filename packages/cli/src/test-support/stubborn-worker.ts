/** A case worker for tests: does to each case what the case's id says. */
import { parentPort } from 'node:worker_threads'
import type { TestCase } from '../conformance/test-case.ts'

parentPort?.on('message', ({ id }: TestCase) => {
  if (id === 'throw') throw new TypeError('a fault')
  if (id === 'exit') process.exit(0)
  // Synchronous and endless: no timer of this thread would ever run.
  while (id === 'hang') Math.random()
  parentPort?.postMessage({ got: 'accept', code: null, ok: true })
})
