/** The operator API of an agent: what its operator asks of it, over its own Unix socket. */
import { type Static, Type } from 'typebox'
import { Selector, Timestamp, TrustDomainName, WorkloadId } from './common.ts'

const AgentState = Type.Union([Type.Literal('starting'), Type.Literal('ready'), Type.Literal('refused')])
const Count = Type.Integer({ minimum: 0 })
const Trouble = Type.Object({
  code: Type.Optional(Type.String()),
  message: Type.String(),
  detail: Type.Optional(Type.String()),
})

/** What to do next. `command` is a command line, one argument each. */
export const NextStep = Type.Object({ say: Type.String(), command: Type.Optional(Type.Array(Type.String())) })
export type NextStep = Static<typeof NextStep>

/** `GET /v1/status`. */
export const AgentStatus = Type.Object({
  trustDomain: TrustDomainName,
  /** `refused`: the server no longer accepts this agent, so no program is given anything. */
  state: AgentState,
  startedAt: Timestamp,
  agentId: Type.Optional(WorkloadId),
  /** End of the agent's own X509-SVID. */
  expiresAt: Type.Optional(Timestamp),
  server: Type.Object({
    url: Type.String(),
    connected: Type.Boolean(),
    /** The last time the server was heard of. */
    heardAt: Type.Optional(Timestamp),
    /** Why there is no connection. */
    trouble: Type.Optional(Trouble),
  }),
  /** What only an operator can do. Absent when the agent helps itself. */
  needs: Type.Optional(Type.Array(NextStep)),
  revision: Count,
  entries: Count,
  /** Whose bundles the agent has. */
  bundles: Type.Array(TrustDomainName),
  /** Credentials of workloads that are kept. */
  credentials: Type.Object({ x509: Count, jwt: Count, wit: Count }),
  /** What of them a restart would begin with. Absent when that is switched off. */
  durable: Type.Optional(Type.Object({ savedAt: Type.Optional(Timestamp), trouble: Type.Optional(Type.String()) })),
  /** Open connections of programs to the Workload API. */
  connections: Count,
  socket: Type.String(),
})
export type AgentStatus = Static<typeof AgentStatus>

/** An entry that a process almost matches. */
export const NearEntry = Type.Object({
  entryId: Type.String(),
  spiffeId: WorkloadId,
  /** Selectors of the entry that the process does not have, as text. */
  missing: Type.Array(Type.String()),
  expired: Type.Boolean(),
})
export type NearEntry = Static<typeof NearEntry>

/** What one attestor found. */
export const AttestorFinding = Type.Object({
  name: Type.String(),
  selectors: Type.Array(Selector),
  /** What it could not find out, and why. */
  notes: Type.Array(Type.String()),
  /** It failed, so the process gets nothing for now. */
  trouble: Type.Optional(Trouble),
})
export type AttestorFinding = Static<typeof AttestorFinding>

/** `GET /v1/explain?pid=`: what the agent would answer this process, and why. */
export const ProcessExplanation = Type.Object({
  outcome: Type.Union([
    Type.Literal('identity'),
    Type.Literal('no-identity'),
    Type.Literal('not-attested'),
    Type.Literal('agent-not-ready'),
  ]),
  process: Type.Object({
    pid: Count,
    uid: Count,
    gid: Count,
    program: Type.Optional(Type.String()),
    /** Of a process in a pid namespace of its own: its pid in each, the agent's first. */
    namespacePids: Type.Optional(Type.Array(Count)),
  }),
  agent: Type.Object({
    state: AgentState,
    agentId: Type.Optional(WorkloadId),
    revision: Count,
    entries: Count,
  }),
  attestors: Type.Array(AttestorFinding),
  /** Entries that match; the first is the default identity. */
  identities: Type.Array(
    Type.Object({
      entryId: Type.String(),
      spiffeId: WorkloadId,
      selectors: Type.Array(Selector),
      hint: Type.Optional(Type.String()),
    }),
  ),
  /** Nearest first; empty when an entry matches. */
  nearest: Type.Array(NearEntry),
  next: Type.Array(NextStep),
})
export type ProcessExplanation = Static<typeof ProcessExplanation>
