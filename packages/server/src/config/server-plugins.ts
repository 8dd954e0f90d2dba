/** The plugins this server is built with, and the choice among them that a configuration makes. */
import diskKeyManager from '@countersign/key-manager-disk'
import memoryKeyManager from '@countersign/key-manager-memory'
import pkcs11KeyManager from '@countersign/key-manager-pkcs11'
import joinToken from '@countersign/node-attestor-join-token/server'
import {
  ConfigError,
  type KeyManager,
  PluginCatalog,
  type PluginContext,
  type PluginType,
  type PluginTypes,
  type ServerNodeAttestor,
  type TokenProfile,
  type UpstreamAuthority,
} from '@countersign/plugin-kit'
import accessToken from '@countersign/token-profile-access-token'
import authorizationGrant from '@countersign/token-profile-authorization-grant'
import jwtSvid from '@countersign/token-profile-jwt-svid'
import oidcIdToken from '@countersign/token-profile-oidc-id-token'
import serviceAccount from '@countersign/token-profile-service-account'
import transactionToken from '@countersign/token-profile-transaction-token'
import selfSigned from '@countersign/token-profile-transaction-token/self-signed'
import unsignedJson from '@countersign/token-profile-transaction-token/unsigned-json'
import wit from '@countersign/token-profile-wit'
import x509Svid from '@countersign/token-profile-x509-svid'
import countersignUpstream from '@countersign/upstream-authority-countersign'
import diskUpstream from '@countersign/upstream-authority-disk'
import spireUpstream from '@countersign/upstream-authority-spire'

const CATALOG = new PluginCatalog([
  diskKeyManager,
  memoryKeyManager,
  pkcs11KeyManager,
  joinToken,
  accessToken,
  authorizationGrant,
  jwtSvid,
  oidcIdToken,
  serviceAccount,
  transactionToken,
  selfSigned,
  unsignedJson,
  wit,
  x509Svid,
  countersignUpstream,
  diskUpstream,
  spireUpstream,
])

/** A plugin whose configuration was checked, not created yet. */
export type ChosenPlugin<Plugin> = (context: PluginContext) => Plugin

export interface ServerPlugins {
  readonly keyManager: ChosenPlugin<KeyManager>
  /** By the name that agents give. */
  readonly nodeAttestors: ReadonlyMap<string, ChosenPlugin<ServerNodeAttestor>>
  /** All there are: without a rule that names it, none does anything. */
  readonly tokenProfiles: ReadonlyMap<string, ChosenPlugin<TokenProfile>>
  readonly upstreamAuthority?: { readonly name: string; readonly create: ChosenPlugin<UpstreamAuthority> }
}

export interface PluginChoices {
  readonly keyManager: PluginChoice
  readonly nodeAttestors: readonly PluginChoice[]
  readonly upstreamAuthority?: PluginChoice | undefined
}

interface PluginChoice {
  readonly name: string
  readonly config?: unknown
}

/**
 * @param configDir relative paths in a plugin's configuration start here
 * @throws ConfigError `ERR_CONFIG_INVALID` for an unknown or repeated name, or as the plugin's own parser
 */
export function parsePluginChoices(choices: PluginChoices, configDir: string): ServerPlugins {
  const { keyManager, nodeAttestors, upstreamAuthority } = choices
  const chosen = new Map<string, ChosenPlugin<ServerNodeAttestor>>()
  for (const choice of nodeAttestors) {
    if (chosen.has(choice.name)) {
      throw new ConfigError('ERR_CONFIG_INVALID', `"nodeAttestors" names "${choice.name}" twice`)
    }
    chosen.set(choice.name, choose('node-attestor-server', choice, configDir))
  }
  const tokenProfiles = new Map(
    CATALOG.names('token-profile').map((name) => [name, choose('token-profile', { name }, configDir)] as const),
  )
  return {
    tokenProfiles,
    keyManager: choose('key-manager', keyManager, configDir),
    nodeAttestors: chosen,
    ...(upstreamAuthority !== undefined && {
      upstreamAuthority: {
        name: upstreamAuthority.name,
        create: choose('upstream-authority', upstreamAuthority, configDir),
      },
    }),
  }
}

function choose<Type extends PluginType>(
  type: Type,
  choice: PluginChoice,
  configDir: string,
): ChosenPlugin<PluginTypes[Type]> {
  const descriptor = CATALOG.resolve(type, choice.name)
  const config = descriptor.parseConfig(choice.config)
  return (context) => descriptor.create(config, { ...context, configDir })
}
