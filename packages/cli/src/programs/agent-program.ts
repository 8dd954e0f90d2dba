import { isIPv6 } from 'node:net'
import { type AgentConfig, loadAgentConfig, startAgent } from '@countersign/agent'
import { createLogger } from '@countersign/plugin-kit'
import type { Program } from './program.ts'

export const agentProgram: Program = {
  async load(configPath, env) {
    const config = await loadAgentConfig(configPath, env)
    return {
      async start() {
        const log = createLogger({ ...config.log, fields: { program: 'agent' } })
        const agent = await startAgent(config, { log, logLevels: log.levels })
        return {
          summary: [
            ['agent id', agent.agentId() ?? 'not attested yet'],
            ['workload API', `unix://${agent.socketPath}`],
            ...brokerAddresses(config.broker, agent.brokerPort).map((address) => ['broker API', address] as const),
            ['operator socket', agent.operatorSocketPath ?? 'off'],
            ...(agent.telemetryUrl === undefined ? [] : [['telemetry', agent.telemetryUrl] as const]),
          ],
          stop: () => agent.stop(),
        }
      },
    }
  },
}

function brokerAddresses(broker: AgentConfig['broker'], port: number | undefined): readonly string[] {
  const unix = broker?.socket === undefined ? [] : [`unix://${broker.socket.path}`]
  const tcp = broker?.tcp === undefined || port === undefined ? [] : [`tcp://${bracketed(broker.tcp.host)}:${port}`]
  return [...unix, ...tcp]
}

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host
}
