import { loadAgentConfig, startAgent } from '@countersign/agent'
import { createLogger } from '@countersign/plugin-kit'
import type { Program } from './program.ts'

export const agentProgram: Program = {
  async load(configPath, env) {
    const config = await loadAgentConfig(configPath, env)
    return {
      async start() {
        const agent = await startAgent(config, { log: createLogger({ ...config.log, fields: { program: 'agent' } }) })
        return {
          summary: [
            ['agent id', agent.agentId() ?? 'not attested yet'],
            ['workload API', `unix://${agent.socketPath}`],
            ['operator socket', agent.operatorSocketPath ?? 'off'],
          ],
          stop: () => agent.stop(),
        }
      },
    }
  },
}
