import type { TaintProgress, TaintReport } from '@countersign/api'
import type { Store } from './store.ts'

/** Longest list of nodes that an operator is shown. */
const MAX_SHOWN = 100

/** What nodes say they still hold of what tainted authorities signed. */
export class TaintReportStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Reports on authorities that are not tainted, or not there, are passed over: they may be late. */
  record(agentId: string, { holding }: TaintReport, now: number): Promise<void> {
    return this.#store.note(async (db) => {
      for (const { authorityId, credentials } of holding) {
        const tainted = await db
          .selectFrom('authorities')
          .select('id')
          .where('id', '=', authorityId)
          .where('tainted_at', 'is not', null)
          .executeTakeFirst()
        if (tainted === undefined) continue
        const columns = { credentials, reported_at: now }
        await db
          .insertInto('taint_reports')
          .values({ authority_id: authorityId, agent_id: agentId, ...columns })
          .onConflict((conflict) => conflict.columns(['authority_id', 'agent_id']).doUpdateSet(columns))
          .execute()
      }
    })
  }

  /**
   * Nodes count that were attested when the authority was tainted, or have been since; a banned or evicted one does not.
   * One that has said nothing yet is waited for.
   */
  progress(authorityId: string, taintedAt: number): Promise<TaintProgress> {
    return this.#store.read(async (snapshot) => {
      const rows = await snapshot
        .selectFrom('nodes')
        .leftJoin('taint_reports', (join) =>
          join
            .onRef('taint_reports.agent_id', '=', 'nodes.agent_id')
            .on('taint_reports.authority_id', '=', authorityId),
        )
        .select(['nodes.agent_id as agentId', 'taint_reports.credentials as credentials'])
        .where('nodes.banned_at', 'is', null)
        .where('nodes.expires_at', '>', taintedAt)
        .orderBy('nodes.agent_id')
        .execute()
      const waiting = rows.filter(({ credentials }) => credentials !== 0)
      return {
        nodes: rows.length,
        waiting: waiting.length,
        waitingFor: waiting.slice(0, MAX_SHOWN).map(({ agentId }) => agentId),
        credentials: rows.reduce((sum, { credentials }) => sum + (credentials ?? 0), 0),
      }
    })
  }
}
