import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Processes } from '../support/processes.ts'
import { until } from '../support/until.ts'

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

/** A Prometheus that scrapes some addresses every second. */
export class Prometheus {
  readonly #url: string

  private constructor(url: string) {
    this.#url = url
  }

  /** @param targets job to address, as in `127.0.0.1:9441` */
  static async start(
    processes: Processes,
    folder: string,
    targets: Readonly<Record<string, string>>,
    ruleFile: string,
  ): Promise<Prometheus> {
    const config = join(folder, 'prometheus.yml')
    const scrapes = Object.entries(targets).map(([job, target]) => ({
      job_name: job,
      static_configs: [{ targets: [target] }],
    }))
    const settings = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [ruleFile],
      scrape_configs: scrapes,
    }
    // YAML, which JSON is.
    await writeFile(config, JSON.stringify(settings))
    const address = `127.0.0.1:${await freePort()}`
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=${address}`,
    ]
    processes.start('prometheus', args, { logFile: join(folder, 'prometheus.log') })
    const prometheus = new Prometheus(`http://${address}`)
    await until(() => prometheus.#get('/-/ready').catch(() => undefined), 'prometheus')
    return prometheus
  }

  /** @throws Error for an expression that Prometheus does not take */
  async query(expression: string): Promise<readonly Sample[]> {
    const answer = await this.#get(`/api/v1/query?query=${encodeURIComponent(expression)}`)
    const { status, error, data } = JSON.parse(answer ?? '{}')
    if (status !== 'success') throw new Error(String(error))
    return data.result
  }

  /** Names of alerting rules, and whether each could be evaluated. */
  async rules(): Promise<readonly { readonly name: string; readonly health: string }[]> {
    const { data } = JSON.parse((await this.#get('/api/v1/rules')) ?? '{}')
    return data.groups.flatMap((group: { rules: { name: string; health: string }[] }) => group.rules)
  }

  async #get(path: string): Promise<string | undefined> {
    const response = await fetch(this.#url + path, { signal: AbortSignal.timeout(5000) })
    if (response.status === 503) return undefined
    return response.text()
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port)
        else reject(new Error('no port'))
      })
    })
  })
}
