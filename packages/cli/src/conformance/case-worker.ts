/** Runs in a worker thread: receives a case, answers with what the product did. */
import { parentPort } from 'node:worker_threads'
import { executeCase } from './execute-case.ts'
import type { TestCase } from './test-case.ts'

const port = parentPort
port?.on('message', async (testCase: TestCase) => {
  port.postMessage(await executeCase(testCase))
})
