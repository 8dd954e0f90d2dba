import type { DatabaseSync } from 'node:sqlite'

/** @returns what is wrong, `undefined` when nothing is */
export function damageOf(database: DatabaseSync): string | undefined {
  const verdict = pragma(database, 'integrity_check(1)')
  if (verdict !== 'ok') return String(verdict)
  const broken = database.prepare('PRAGMA foreign_key_check').get()
  return broken === undefined ? undefined : `reference from table ${String(broken['table'])} to nothing`
}

export function pragma(database: DatabaseSync, name: string): unknown {
  const row = database.prepare(`PRAGMA ${name}`).get()
  return row === undefined ? undefined : Object.values(row)[0]
}
