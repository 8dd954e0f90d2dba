import { Worker } from 'node:worker_threads'
import type { Execution } from './execute-case.ts'
import type { TestCase } from './test-case.ts'

export interface CaseExecutor {
  execute(testCase: TestCase): Promise<Execution>
  close(): Promise<void>
}

/** Far beyond what any case needs, so that a slow machine fails none. */
const TIME_LIMIT_MS = 10_000
const MEMORY_LIMIT_MB = 512

/**
 * Runs cases one at a time in a worker thread. Verification is synchronous work, so a timer in the same thread could
 * never fire: only from outside can a hang be ended. A worker that hung or died is replaced for the next case.
 */
export class IsolatedExecutor implements CaseExecutor {
  readonly #workerUrl: URL
  readonly #timeLimitMs: number
  #worker: Worker | undefined

  constructor(options: { readonly workerUrl?: URL; readonly timeLimitMs?: number } = {}) {
    this.#workerUrl = options.workerUrl ?? defaultWorkerUrl()
    this.#timeLimitMs = options.timeLimitMs ?? TIME_LIMIT_MS
  }

  async execute(testCase: TestCase): Promise<Execution> {
    this.#worker ??= startWorker(this.#workerUrl)
    const execution = await exchange(this.#worker, testCase, this.#timeLimitMs)
    if (typeof execution !== 'string') return execution
    await this.close()
    return { got: 'error', code: null, ok: false, remark: execution }
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }
}

/** The worker's answer, or in words why there is none. */
function exchange(worker: Worker, testCase: TestCase, timeLimitMs: number): Promise<Execution | string> {
  const { promise, resolve } = Promise.withResolvers<Execution | string>()
  const timer = setTimeout(() => resolve(`no result within ${timeLimitMs / 1000} s`), timeLimitMs)
  const onError = (error: Error) => resolve(`${error.name}: ${error.message}`)
  const onExit = () => resolve('worker ended without a result')
  worker.on('message', resolve).on('error', onError).on('exit', onExit)
  worker.postMessage(testCase)
  return promise.finally(() => {
    clearTimeout(timer)
    worker.off('message', resolve).off('error', onError).off('exit', onExit)
  })
}

function startWorker(url: URL): Worker {
  // From sources, packages resolve to sources too; from the build, to builds.
  const execArgv = url.pathname.endsWith('.ts') ? ['--conditions=countersign-source'] : []
  return new Worker(url, { execArgv, resourceLimits: { maxOldGenerationSizeMb: MEMORY_LIMIT_MB } })
}

function defaultWorkerUrl(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./case-worker.${extension}`, import.meta.url)
}
