import type { ServerStatus } from '@countersign/api'
import { type Clock, type Logger, type LogLevels, systemClock } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { Closers } from './closers.ts'
import type { ServerConfig } from './config/server-config.ts'
import { openTokenService } from './exchange/open-token-service.ts'
import { parseTokenServiceUrls } from './exchange/token-service-urls.ts'
import { resolveHost } from './federation/resolve-address.ts'
import { createMachineApp } from './http/machine/machine-app.ts'
import { SyncHub } from './http/machine/sync-hub.ts'
import { createPublicApp, type PublicAppOptions } from './http/public/public-app.ts'
import { parseIssuerUrl } from './issuance/issuer-url.ts'
import { Maintenance } from './maintenance.ts'
import { type Admin, openAdmin } from './open-admin.ts'
import { createOwnIdentity } from './own-identity.ts'
import { EntryExpiry } from './registration/entry-expiry.ts'
import { httpsUrl, reachableHosts } from './server-addresses.ts'
import { openServerParts, type ServerParts } from './server-parts.ts'
import { openSpiffeBundleListener } from './spiffe-bundle-listener.ts'
import type { ChangeKind } from './store/change-feed.ts'
import { type Observation, openObservation } from './telemetry/observation.ts'
import { openTelemetryListener } from './telemetry/open-telemetry-listener.ts'
import { CertificateFiles } from './tls/certificate-files.ts'
import { OwnWebRoot } from './tls/own-web-root.ts'
import { TimelyCredential } from './tls/timely-credential.ts'
import type { TlsCredentialSource } from './tls/tls-credential.ts'
import { TlsListener } from './tls/tls-listener.ts'
import { VERSION } from './version.ts'

export interface StartServerOptions {
  readonly log: Logger
  readonly clock?: Clock
  /** Of that log, for operators to change. */
  readonly logLevels?: LogLevels
}

/** A server that accepts connections on all its listeners. */
export interface RunningServer {
  readonly trustDomain: string
  readonly machineUrl: string
  readonly publicUrl: string
  /** Of the bundle endpoint of profile `https_spiffe`, when the configuration has one. */
  readonly spiffeBundleUrl?: string
  /** For scrapers and probes, when the configuration has it. */
  readonly telemetryUrl?: string
  /** Path of the Unix socket. */
  readonly adminSocket: string
  /** Ends event streams, lets requests under way finish for a few seconds, and closes the store. */
  stop(): Promise<void>
}

interface Surroundings {
  readonly config: ServerConfig
  readonly parts: ServerParts
  readonly log: Logger
  readonly clock: Clock
  readonly closers: Closers
  readonly observation: Observation
  readonly logLevels: LogLevels | undefined
}

/**
 * Starts a server. When it cannot start, everything that was opened is closed again.
 *
 * @throws StoreError `ERR_STORE_LOCKED` when another server uses the same data folder; `ERR_STORE_CORRUPT`,
 *   `ERR_STORE_SCHEMA_NEWER`, `ERR_STORE_UNWRITABLE`
 * @throws ServerError `ERR_SERVER_DATA_DIR`, `ERR_SERVER_ADDRESS`, `ERR_SERVER_SOCKET_PATH`,
 *   `ERR_SERVER_SOCKET_IN_USE`, `ERR_SERVER_TLS_FILE`
 * @throws KeyManagerError
 * @throws TelemetryError `ERR_TELEMETRY_ADDRESS`, `ERR_TELEMETRY_PACKAGE`
 */
export async function startServer(config: ServerConfig, options: StartServerOptions): Promise<RunningServer> {
  const { log, clock = systemClock, logLevels } = options
  const closers = new Closers()
  try {
    const observation = await openObservation(config, log, closers)
    const parts = await openServerParts(config, { log, clock, observation }, closers)
    const running = await openListeners({ config, parts, log, clock, closers, observation, logLevels })
    log.info({ ...running, version: VERSION }, 'server started')
    return {
      ...running,
      async stop() {
        await closers.close()
        log.info({ trustDomain: config.trustDomain }, 'server stopped')
      },
    }
  } catch (error) {
    await closers.close().catch(() => {})
    throw error
  }
}

async function openListeners(surroundings: Surroundings): Promise<Omit<RunningServer, 'stop'>> {
  const { config, parts, log, clock, closers } = surroundings
  const { trustDomain } = config
  const startedAt = clock.now()
  const listening = Promise.withResolvers<ServerStatus['listeners']>()
  const readStatus = async () => ({
    trustDomain,
    version: VERSION,
    revision: await parts.store.revision(),
    startedAt,
    listeners: await listening.promise,
    ...(parts.gate.holds().length > 0 && { holds: [...parts.gate.holds()] }),
  })
  const oauth = await openOAuth(surroundings)
  const admin = await openAdmin(surroundings, readStatus, oauth?.tokenService)
  const { listener: machine, hub } = await openMachineListener(surroundings, admin)
  const open = await openPublicListener(surroundings, oauth)
  const spiffe = await openSpiffeBundleListener(surroundings)

  const urls = {
    machine: httpsUrl(reachableHosts(config.machine.advertisedHost, config.machine.host), machine.port),
    public: httpsUrl(reachableHosts(config.public.host, config.machine.advertisedHost), open.port),
  }
  listening.resolve({
    ...urls,
    admin: config.admin.socket,
    ...(spiffe !== undefined && { spiffeBundle: spiffe.url }),
  })
  const adminSocket = await admin.listen()

  await parts.federations.start()
  const { gate } = parts
  const maintenance = new Maintenance({
    tasks: [
      { name: 'rotate authorities', run: () => parts.authorities.tick() },
      // What was revoked is in no bundle any more: until this is done, nobody who has the new one believes the server.
      { name: 'renew own identity', run: () => machine.renewCredential() },
      { name: 'renew identity of the bundle endpoint', run: async () => spiffe?.renewCredential() },
      { name: 'publish revocation lists', run: () => parts.crls.publishDue() },
      // By a clock that is ahead, everything would be over.
      { name: 'forget expired certificates', run: async () => gate.clockIsRight() && parts.crls.forgetExpired() },
      {
        name: 'forget keys of servers below that are over',
        run: async () => gate.clockIsRight() && parts.downstreamKeys.removeEnded(clock.now()),
      },
      { name: 'remove expired entries', run: async () => gate.clockIsRight() && parts.registration.removeExpired() },
      { name: 'renew public certificate', run: () => open.renewCredential() },
      { name: 'take up changed exchange rules', run: async () => oauth?.tokenService.reloadRules() },
    ],
    nextAt: () => parts.authorities.nextTickAt(),
    clock,
    log: log.child({ component: 'maintenance' }),
  })
  closers.add(() => maintenance.stop())
  const expiry = await EntryExpiry.start({
    directory: parts.directory,
    nextExpiry: () => parts.registration.nextExpiry(),
    removeExpired: () => parts.registration.removeExpired(),
    clockIsRight: () => gate.clockIsRight(),
    clock,
    log,
  })
  closers.add(() => expiry.stop())
  // What signs, or what is revoked, has changed: identity and lists must not wait for the next round.
  const isUrgent = (kind: ChangeKind) => kind.startsWith('authority.') || REVOKING.has(kind)
  closers.add(gate.onResumed(() => maintenance.wake()))
  closers.add(parts.store.feed.subscribe(({ kind }) => isUrgent(kind) && maintenance.wake()))
  const telemetryUrl = await openTelemetryListener({ ...surroundings, syncStreams: () => hub.size })
  return {
    trustDomain,
    machineUrl: urls.machine,
    publicUrl: urls.public,
    ...(spiffe !== undefined && { spiffeBundleUrl: spiffe.url }),
    ...(telemetryUrl !== undefined && { telemetryUrl }),
    adminSocket,
  }
}

const REVOKING: ReadonlySet<ChangeKind> = new Set(['node.banned', 'node.evicted'])

/** An agent needs a handful; one that has gone wrong must not take those of all others. */
const MAX_CONNECTIONS_PER_AGENT = 64

async function openMachineListener({ config, parts, log, clock, closers, observation }: Surroundings, admin: Admin) {
  const { trustDomain, machine } = config
  const hub = new SyncHub({ feed: parts.store.feed, directory: parts.directory, random: Math.random })
  closers.add(() => hub.closeAll())
  closers.add(parts.gate.onClosed(() => hub.endStreams()))
  const app = await createMachineApp({
    ...parts,
    hub,
    observers: { ...observation, continuesTraces: true },
    clock,
    trustDomain,
    version: VERSION,
    log: log.child({ listener: 'machine' }),
  })
  closers.add(() => app.close())
  const listener = await TlsListener.open({
    app: admin.besides(app),
    host: machine.host,
    port: machine.port,
    credential: createOwnIdentity(config, parts, clock),
    maxConnectionsPerCertificate: MAX_CONNECTIONS_PER_AGENT,
    // Certificates are asked for here and judged in `NodeAuthentication`, by the trust domain's rules, not OpenSSL's.
    tls: { minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false },
  })
  closers.add(() => {
    hub.closeAll()
    return listener.stop()
  })
  return { listener, hub }
}

async function openPublicListener(surroundings: Surroundings, oauth: PublicAppOptions['oauth']): Promise<TlsListener> {
  const { config, parts, log, clock, closers, observation } = surroundings
  const { jwtIssuer } = config.svids
  const app = await createPublicApp({
    bundles: parts.bundles,
    gate: parts.gate,
    trustDomain: config.trustDomain,
    issuer: jwtIssuer === undefined ? undefined : parseIssuerUrl(jwtIssuer),
    // Strangers learn no reasons.
    isReady: async () => (await parts.readiness.report()).ready,
    observers: observation,
    oauth,
    log: log.child({ listener: 'public' }),
    version: VERSION,
  })
  closers.add(() => app.close())
  const listener = await TlsListener.open({
    app,
    host: config.public.host,
    port: config.public.port,
    credential: publicCredential({ config, parts, log, clock }),
    // Judged by the token service, by the trust domain's rules. Without one, or with one that is nobody's, all else is served.
    tls: {
      minVersion: 'TLSv1.2',
      ...(config.public.clientCertificates ? { requestCert: true, rejectUnauthorized: false } : {}),
    },
  })
  closers.add(() => listener.stop())
  return listener
}

/** The token service, where one is configured. */
async function openOAuth({ config, parts, log, clock, closers }: Surroundings) {
  const { tokenService: own, trustDomain, dataDir, plugins } = config
  if (own === undefined) return undefined
  const context = (name: string) => ({ clock, log: log.child({ plugin: name }), dataDir })
  const profiles = new Map([...plugins.tokenProfiles].map(([name, create]) => [name, create(context(name))] as const))
  const tokenService = await openTokenService({
    ...parts,
    config: own,
    urls: parseTokenServiceUrls(own.issuer, config.svids.jwtIssuer),
    clientCertificates: config.public.clientCertificates,
    trustDomain,
    profiles,
    resolveHost,
    clock,
    log: log.child({ component: 'token-service' }),
  })
  closers.add(() => tokenService.stop())
  const { gate } = parts
  return { tokenService, refreshHintSeconds: config.bundle.refreshHint, gate, now: () => clock.now() }
}

function publicCredential({
  config,
  parts,
  log,
  clock,
}: Pick<Surroundings, 'config' | 'parts' | 'log' | 'clock'>): TlsCredentialSource {
  const { certFile, keyFile, host } = config.public
  if (certFile !== undefined && keyFile !== undefined) return new CertificateFiles(certFile, keyFile, log)
  const { dataDir, trustDomain } = config
  const hosts = reachableHosts(host, config.machine.advertisedHost)
  const common = { trustDomain, clock, crypto: nodeCrypto }
  return new TimelyCredential({ source: new OwnWebRoot({ dataDir, hosts, ...common }), gate: parts.gate, ...common })
}
