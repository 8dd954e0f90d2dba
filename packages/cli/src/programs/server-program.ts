import { createLogger } from '@countersign/plugin-kit'
import { checkServerFiles, loadServerConfig, startServer } from '@countersign/server'
import type { Program } from './program.ts'

export const serverProgram: Program = {
  async load(configPath, env) {
    const config = await loadServerConfig(configPath, env)
    return {
      check: () => checkServerFiles(config),
      async start() {
        const log = createLogger({ ...config.log, fields: { program: 'server' } })
        const server = await startServer(config, { log, logLevels: log.levels })
        return {
          summary: [
            ['trust domain', server.trustDomain],
            ['machine API', server.machineUrl],
            ['public API', server.publicUrl],
            ...(server.spiffeBundleUrl === undefined ? [] : [['SPIFFE bundle', server.spiffeBundleUrl] as const]),
            ['admin socket', server.adminSocket],
            ...(server.telemetryUrl === undefined ? [] : [['telemetry', server.telemetryUrl] as const]),
          ],
          stop: () => server.stop(),
        }
      },
    }
  },
}
