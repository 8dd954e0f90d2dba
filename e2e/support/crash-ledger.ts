/** What a server has acknowledged, and whether its files say the same after it was killed. */
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'

type Row = Readonly<Record<string, unknown>>

/** What a step may have come to: acknowledged, or cut off, when both the old and the new state are right. */
export interface EntryClaim {
  readonly spiffeId: string
  readonly hint: string | undefined
  readonly revision: number
}

export class CrashLedger {
  /** By id. */
  readonly entries = new Map<string, EntryClaim>()
  readonly deleted = new Set<string>()
  /** Entries of which the last step was not answered. */
  readonly doubtful = new Set<string>()
  /** Identifiers that came in one step: all there or none. */
  readonly pairs: (readonly string[])[] = []
  /** By hash; whether spending it was acknowledged. */
  readonly tokens = new Map<string, boolean>()
  readonly doubtfulTokens = new Set<string>()
  readonly nodes = new Set<string>()
  readonly banned = new Set<string>()
  /** By serial number: whose it is, and who holds it. */
  readonly certificates = new Map<string, { readonly spiffeId: string; readonly agentId: string }>()
  /** By authority, the furthest acknowledged step. */
  readonly steps = new Map<string, 'prepared' | 'activated' | 'tainted' | 'revoked'>()
  highestRevision = 0
  acknowledged = 0

  /** What a revision, a key's name and an entry's id were once seen to mean. */
  readonly #revisions = new Map<number, string>()
  readonly #keys = new Map<string, string>()

  static hashOf(token: string): string {
    return createHash('sha256').update(token).digest('hex')
  }

  certificate(serial: string, spiffeId: string, agentId: string): void {
    expect(this.certificates.get(serial), 'serial number used twice').toBe(undefined)
    this.certificates.set(serial, { spiffeId, agentId })
    this.acknowledged++
  }

  /** Of a server that is not running. */
  verify(dataDir: string): void {
    const database = new DatabaseSync(join(dataDir, 'server.db'), { readOnly: true })
    const all = (sql: string): Row[] => database.prepare(sql).all()
    try {
      expect(all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
      expect(all('PRAGMA foreign_key_check')).toEqual([])
      this.#verifyRevisions(all)
      this.#verifyEntries(all)
      this.#verifyTokensAndNodes(all)
      this.#verifyCertificates(all)
      this.#verifyAuthorities(all)
    } finally {
      database.close()
    }
  }

  /** Of a server that has started again and has had time to clean up. */
  verifyKeys(dataDir: string): void {
    const database = new DatabaseSync(join(dataDir, 'server.db'), { readOnly: true })
    const names = database
      .prepare('SELECT key_name FROM authorities')
      .all()
      .map((row) => `${row['key_name']}.json`)
    database.close()
    expect(readdirSync(join(dataDir, 'keys')).sort()).toEqual(names.sort())
  }

  #verifyRevisions(all: (sql: string) => Row[]): void {
    const value = Number(all('SELECT value FROM revision')[0]?.['value'])
    expect(value).toBeGreaterThanOrEqual(this.highestRevision)
    this.highestRevision = value
    const lines = all('SELECT revision, kind, subject FROM change_log ORDER BY revision')
    expect(lines.map((line) => line['revision'])).toEqual(lines.map((_, index) => index + 1))
    expect(lines).toHaveLength(value)
    for (const { revision, kind, subject } of lines) {
      const meaning = `${kind} ${subject}`
      expect(this.#revisions.get(Number(revision)) ?? meaning, `revision ${revision}`).toBe(meaning)
      this.#revisions.set(Number(revision), meaning)
    }
  }

  #verifyEntries(all: (sql: string) => Row[]): void {
    const rows = new Map(
      all('SELECT id, spiffe_id, hint, revision FROM entries').map((row) => [String(row['id']), row]),
    )
    for (const id of this.deleted) expect(rows.has(id), `deleted entry ${id}`).toBe(false)
    for (const [id, { spiffeId, hint, revision }] of this.entries) {
      const row = rows.get(id)
      if (this.doubtful.has(id)) {
        // Whatever it came to is what it is from now on.
        if (row === undefined) this.entries.delete(id)
        else this.entries.set(id, claimOf(row))
        continue
      }
      expect(row, `entry ${id}`).toEqual({ id, spiffe_id: spiffeId, hint: hint ?? null, revision })
    }
    this.doubtful.clear()
    const present = new Set([...rows.values()].map((row) => row['spiffe_id']))
    for (const pair of this.pairs) {
      const found = pair.filter((spiffeId) => present.has(spiffeId))
      expect([0, pair.length], `half of a batch: ${found.join(' ')}`).toContain(found.length)
    }
    this.pairs.length = 0
  }

  #verifyTokensAndNodes(all: (sql: string) => Row[]): void {
    const tokens = new Map(all('SELECT hash, used_at FROM join_tokens').map((row) => [row['hash'], row['used_at']]))
    for (const [hash, isSpent] of this.tokens) {
      expect(tokens.has(hash), `join token ${hash}`).toBe(true)
      if (this.doubtfulTokens.has(hash)) this.tokens.set(hash, tokens.get(hash) !== null)
      else expect(tokens.get(hash) !== null, `join token ${hash} is spent`).toBe(isSpent)
    }
    this.doubtfulTokens.clear()
    const nodes = new Map(
      all('SELECT agent_id, banned_at FROM nodes').map((row) => [row['agent_id'], row['banned_at']]),
    )
    for (const agentId of this.nodes) expect(nodes.has(agentId), agentId).toBe(true)
    for (const agentId of this.banned) expect(nodes.get(agentId), `ban of ${agentId}`).toEqual(expect.any(Number))
  }

  /** Whatever left the server can be revoked. */
  #verifyCertificates(all: (sql: string) => Row[]): void {
    const rows = new Map(
      all('SELECT serial, agent_id FROM certificates').map((row) => [row['serial'], row['agent_id']]),
    )
    for (const [serial, { agentId }] of this.certificates) expect(rows.get(serial), `serial ${serial}`).toBe(agentId)
  }

  #verifyAuthorities(all: (sql: string) => Row[]): void {
    const rows = all('SELECT id, state, certificate, public_jwk, tainted_at FROM authorities')
    const present = new Map(rows.map((row) => [String(row['id']), row]))
    const revoked = new Set(all('SELECT id FROM revoked_authorities').map(({ id }) => String(id)))
    for (const [id, row] of present) {
      const key = String(row['certificate'] ?? row['public_jwk'])
      expect(this.#keys.get(id) ?? key, `key of ${id}`).toBe(key)
      this.#keys.set(id, key)
      expect(revoked.has(id), `${id} is revoked and published`).toBe(false)
    }
    for (const [id, step] of this.steps) {
      if (step === 'revoked') expect(revoked.has(id), `${id} is revoked`).toBe(true)
      else if (!revoked.has(id)) expect(present.has(id), `${id} is ${step}`).toBe(true)
      const row = present.get(id)
      if (row === undefined) continue
      if (step === 'activated') expect(['active', 'retired']).toContain(row['state'])
      if (step === 'tainted') expect(row['tainted_at']).toEqual(expect.any(Number))
    }
  }
}

function claimOf(row: Row): EntryClaim {
  const { spiffe_id, hint, revision } = row
  return { spiffeId: String(spiffe_id), hint: hint === null ? undefined : String(hint), revision: Number(revision) }
}
