import { CredentialError } from '@countersign/protocol'
import type { DocumentFetcher } from '../federation/fetch-document.ts'
import { ExchangeError } from './exchange-error.ts'
import { ConfiguredIssuer, type ConfiguredIssuerParts } from './issuers/configured-issuer.ts'
import { openIssuerKeySource } from './issuers/issuer-key-source.ts'
import type { ClientConfig, IssuerConfig } from './token-service-schema.ts'

/** In rules: profile and issuer of clients that have a key registered. */
export const REGISTERED_CLIENT_PROFILE = 'registered-client'
export const REGISTERED_CLIENTS = 'clients'

/** `client_id` of a token that nobody authenticated for. As somebody's name, it would make all of these theirs. */
export const ANONYMOUS_CLIENT = 'anonymous'

/** Clients whose keys the operator wrote down, each its own issuer. */
export class RegisteredClients {
  readonly #clients: ReadonlyMap<string, ConfiguredIssuer>

  constructor(
    configs: readonly ClientConfig[],
    parts: Omit<ConfiguredIssuerParts, 'source'>,
    fetchDocument: DocumentFetcher,
  ) {
    this.#clients = new Map(
      configs.map((config) => {
        const issuer = asIssuer(config)
        return [
          config.id,
          new ConfiguredIssuer(issuer, { ...parts, source: openIssuerKeySource(issuer, fetchDocument) }),
        ]
      }),
    )
  }

  async start(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.refreshKeys()))
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.stop()))
  }

  /** @throws CredentialError `ERR_CREDENTIAL_ISSUER` */
  find(id: string): ConfiguredIssuer {
    const client = this.#clients.get(id)
    if (client !== undefined) return client
    throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'client is not registered', { detail: id.slice(0, 200) })
  }
}

function asIssuer({ id, ...config }: ClientConfig): IssuerConfig {
  return {
    ...config,
    name: id,
    issuer: id,
    profiles: [REGISTERED_CLIENT_PROFILE],
    subjectPrefix: '',
    requiredClaims: {},
    claims: {},
    // No setting makes an assertion of this kind good twice.
    reuse: false,
  }
}

/**
 * Client ids stand beside the subjects of issuers in the same claims, so none may look like one of these.
 *
 * @throws ExchangeError `ERR_EXCHANGE_CLIENT`
 */
export function validateClients(clients: readonly ClientConfig[], issuers: readonly IssuerConfig[]): void {
  const ids = new Set<string>()
  for (const { id } of clients) {
    const refuse = (reason: string) => new ExchangeError('ERR_EXCHANGE_CLIENT', `client "${id}": ${reason}`)
    if (ids.has(id)) throw refuse('another one has this id')
    ids.add(id)
    if (id === ANONYMOUS_CLIENT) throw refuse('this is what tokens say that nobody authenticated for')
    if (/^(?:spiffe|wimse):/i.test(id))
      throw refuse('a workload proves itself by its SVID or WIT, not by a registered key')
    const clash = issuers.find(({ subjectPrefix }) => id.startsWith(subjectPrefix))
    if (clash === undefined) continue
    const { name, subjectPrefix } = clash
    throw refuse(
      subjectPrefix === ''
        ? `issuer "${name}" could name a subject like it: beside "clients" each issuer needs a "subjectPrefix", such as "${name}/"`
        : `its id begins with the "subjectPrefix" of issuer "${name}", which could name a subject like it: choose another id`,
    )
  }
}
