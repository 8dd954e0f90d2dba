/** Parts of the agent for measurements and simulations. No promise: they change with any version. */
export { EntryIndex } from './issuance/entry-index.ts'
export { EventStreamParser } from './server-client/event-stream.ts'
export { type Exchange, send } from './server-client/http-exchange.ts'
export { HttpsServerClient, type HttpsServerClientOptions } from './server-client/https-server-client.ts'
export { ServerTlsAgent } from './server-client/server-tls-agent.ts'
export { SyncReader } from './server-client/sync-reader.ts'
export type { ServerTrust } from './server-client/verify-server.ts'
export type { AgentIdentity } from './state/agent-identity.ts'
