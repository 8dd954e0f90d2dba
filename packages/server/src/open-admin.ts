import { createServer } from 'node:http'
import type { ServerStatus } from '@countersign/api'
import type { Clock, Logger, LogLevels } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { FastifyInstance } from 'fastify'
import { AdminAuthentication } from './authorization/admin-authentication.ts'
import { isAdminPath } from './authorization/admin-rules.ts'
import { backUpRunning } from './backup/backup-of-server.ts'
import type { Closers } from './closers.ts'
import type { ServerConfig } from './config/server-config.ts'
import { examineRunning } from './doctor/examine-running.ts'
import type { TokenService } from './exchange/open-token-service.ts'
import { createAdminApp } from './http/admin/admin-app.ts'
import { EntryWatches } from './http/admin/entry-watches.ts'
import { LocalPeers } from './http/admin/local-peers.ts'
import { SERVER_LIMITS } from './http/listener.ts'
import { listenOnSocket } from './http/unix-socket.ts'
import type { ServerParts } from './server-parts.ts'
import type { Observation } from './telemetry/observation.ts'
import { VERSION } from './version.ts'

export interface AdminSurroundings {
  readonly config: ServerConfig
  readonly parts: ServerParts
  readonly log: Logger
  readonly clock: Clock
  readonly closers: Closers
  readonly observation: Observation
  readonly logLevels: LogLevels | undefined
}

type Routing = Pick<FastifyInstance, 'routing'>

/** The admin API: one application, reached by the Unix socket and, unless switched off, by the machine listener. */
export interface Admin {
  /** What the machine listener serves besides its own application. */
  besides(machine: Routing): Routing
  /** @returns the path of the socket @throws ServerError `ERR_SERVER_SOCKET_PATH`, `ERR_SERVER_SOCKET_IN_USE` */
  listen(): Promise<string>
}

export async function openAdmin(
  { config, parts, log, clock, closers, observation, logLevels }: AdminSurroundings,
  readStatus: () => Promise<ServerStatus>,
  tokenService: TokenService | undefined,
): Promise<Admin> {
  const { trustDomain, svids, admin } = config
  const peers = new LocalPeers()
  const authentication = new AdminAuthentication({
    ...parts,
    clock,
    crypto: nodeCrypto,
    trustDomain,
    uidOf: (socket) => peers.uidOf(socket),
    ownUid: process.geteuid?.(),
  })
  const watches = new EntryWatches({ directory: parts.directory, feed: parts.store.feed })
  const app = await createAdminApp({
    ...parts,
    watches,
    authenticate: ({ raw }) => authentication.authenticate(raw.socket, raw.headers.authorization),
    clock,
    trustDomain,
    defaultTtlSeconds: { x509: svids.x509Ttl, jwt: svids.jwtTtl, wit: svids.witTtl },
    readStatus,
    tokenService,
    logLevels,
    observers: observation,
    backUp: () => backUpRunning(config, parts, clock.now()),
    examine: () => examineRunning(parts, clock.now()),
    log: log.child({ listener: 'admin' }),
    version: VERSION,
  })
  closers.add(() => app.close())
  return {
    besides: (machine) => (admin.remote ? eachToItsOwn(machine, app) : machine),
    async listen() {
      const server = createServer(SERVER_LIMITS, (request, response) => app.routing(request, response))
      peers.watch(server)
      const listener = await listenOnSocket(server, admin.socket, admin.socketAccess)
      closers.add(() => {
        watches.closeAll()
        return listener.stop()
      })
      return listener.path
    },
  }
}

/** Neither application sees a request of the other, nor whom the other let in. */
function eachToItsOwn(machine: Routing, admin: Routing): Routing {
  return {
    routing: (request, response) => (isAdminPath(request.url ?? '') ? admin : machine).routing(request, response),
  }
}
