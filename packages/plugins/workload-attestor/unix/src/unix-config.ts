import { parseConfig } from '@countersign/plugin-kit'
import { type Static, Type } from 'typebox'

const MIB = 1_048_576

export const UnixConfig = Type.Object(
  {
    maxExecutableBytes: Type.Integer({
      minimum: 0,
      maximum: 16 * 1024 * MIB,
      default: 256 * MIB,
      description: 'largest executable that is hashed, in bytes; 0 reports no hash of executables',
    }),
    maxScriptBytes: Type.Integer({
      minimum: 0,
      maximum: 1024 * MIB,
      default: 16 * MIB,
      description: 'largest script that is hashed, in bytes; 0 reports no hash of scripts',
    }),
    foreignPaths: Type.Boolean({
      default: false,
      description: 'report paths as the process sees them, even where the agent sees another file or none',
    }),
  },
  { additionalProperties: false },
)
export type UnixConfig = Static<typeof UnixConfig>

/** @throws ConfigError */
export function parseUnixConfig(config: unknown): UnixConfig {
  return parseConfig(UnixConfig, config, { path: 'workloadAttestors.unix.config' })
}
