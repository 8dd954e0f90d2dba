/** Node attestor `join-token`, the agent's half: finds the token the operator left for it. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  type AgentNodeAttestor,
  AttestationError,
  ConfigError,
  definePlugin,
  type Logger,
  type NodeAttestorNeed,
  parseConfig,
  readLimited,
} from '@countersign/plugin-kit'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { ATTESTOR_NAME, JoinTokenEvidence, MAX_TOKEN_LENGTH } from './evidence.ts'

const MAX_FILE_BYTES = 4096
const OTHERS = 0o077

const AgentConfig = Type.Object(
  {
    token: Type.Optional(Type.String({ description: 'the token itself' })),
    tokenFile: Type.Optional(
      Type.String({ minLength: 1, description: 'path of a file that holds nothing but the token' }),
    ),
  },
  { additionalProperties: false },
)
export type JoinTokenAgentConfig = Static<typeof AgentConfig>

const CONFIG_PATH = 'nodeAttestor.config'

/** An agent that is attested already needs no token, so a configuration without one is valid. */
function parseAgentConfig(value: unknown): JoinTokenAgentConfig {
  const config = parseConfig(AgentConfig, value, { path: CONFIG_PATH })
  if (config.token !== undefined && config.tokenFile !== undefined) {
    throw new ConfigError('ERR_CONFIG_INVALID', `"${CONFIG_PATH}" must have "token" or "tokenFile", not both`)
  }
  return config
}

class JoinTokenAgentAttestor implements AgentNodeAttestor {
  readonly #config: JoinTokenAgentConfig
  readonly #configDir: string
  readonly #log: Logger

  constructor(config: JoinTokenAgentConfig, configDir: string, log: Logger) {
    this.#config = config
    this.#configDir = configDir
    this.#log = log
  }

  async gatherEvidence(): Promise<JoinTokenEvidence> {
    const { token, tokenFile } = this.#config
    if (token !== undefined && token !== '') return toEvidence(token, `"${CONFIG_PATH}.token"`)
    if (tokenFile === undefined) {
      throw notPossible(
        `this node has no join token: create one on the server and put it into "${CONFIG_PATH}.token" or into a file named by "${CONFIG_PATH}.tokenFile"`,
      )
    }
    const path = resolve(this.#configDir, tokenFile)
    return toEvidence(await this.#readToken(path), `join token file "${path}"`)
  }

  describeNeed(agentPath: string | undefined): NodeAttestorNeed {
    const { tokenFile } = this.#config
    const place =
      tokenFile === undefined
        ? `put it into "${CONFIG_PATH}.token" of this agent's configuration and start the agent again`
        : `write it to ${resolve(this.#configDir, tokenFile)} on this node; the agent finds it by itself`
    return {
      say: `a join token is good for one attestation: make another on the server and ${place}`,
      command: ['countersign', 'token', 'create', ...(agentPath === undefined ? [] : ['--agent-path', agentPath])],
    }
  }

  async #readToken(path: string): Promise<string> {
    try {
      const { mode } = await stat(path)
      if ((mode & OTHERS) !== 0) this.#log.warn({ file: path }, 'join token file can be read by others, use mode 0600')
      const { bytes, truncated } = await readLimited(path, MAX_FILE_BYTES)
      return truncated ? '' : bytes.toString('utf8').trim()
    } catch (cause) {
      const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown reason'
      throw notPossible(
        `join token file "${path}" cannot be read (${reason}): create a token on the server and put it there`,
        cause,
      )
    }
  }
}

function toEvidence(token: string, place: string): JoinTokenEvidence {
  const evidence = { token }
  if (!Value.Check(JoinTokenEvidence, evidence) || token.length > MAX_TOKEN_LENGTH) {
    throw notPossible(`${place} does not hold a join token: expected 1 to ${MAX_TOKEN_LENGTH} visible ASCII characters`)
  }
  return evidence
}

function notPossible(message: string, cause?: unknown): AttestationError {
  return new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', message, { cause })
}

export default definePlugin({
  type: 'node-attestor-agent',
  name: ATTESTOR_NAME,
  apiVersion: 1,
  parseConfig: parseAgentConfig,
  create: (config, { configDir, log }) => new JoinTokenAgentAttestor(config, configDir ?? process.cwd(), log),
})
