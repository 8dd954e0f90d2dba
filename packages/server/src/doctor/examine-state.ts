import type { Finding } from '@countersign/api'
import { errorCode } from '@countersign/protocol'
import { HIGH_WATER_FILE } from '../recovery/high-water-mark.ts'
import { judgeClock } from '../recovery/judge-clock.ts'
import { AUTHORITY_KINDS, type Authority } from '../store/authority-store.ts'
import { MIGRATIONS } from '../store/migrations.ts'
import type { ServerState } from './server-state.ts'

export const RESTORE = 'countersign server restore --from BACKUP --data-dir FOLDER --force'

/** What the store, the keys and the clock say together. */
export async function examineState(state: ServerState, now: number): Promise<Finding[]> {
  const store = examineStore(state)
  const clock = examineClock(state, now)
  if (state.damage !== undefined) return [...store, clock]
  return [
    ...store,
    examineHighWater(state),
    clock,
    ...state.holds.map(({ reason, message, next }) => problem(`issuance (${reason})`, message, next)),
    ...(await Promise.all(state.authorities.map((authority) => examineAuthority(state, authority, now)))),
    ...AUTHORITY_KINDS.flatMap((kind) => examineKind(state, kind)),
    ...state.orphanKeys.map((name) =>
      warning(
        'signing key',
        `key ${name} belongs to no authority`,
        'nothing: the server removes it when it starts, unless issuance is on hold',
      ),
    ),
  ]
}

function examineStore({ damage, schemaVersion }: ServerState): Finding[] {
  if (damage !== undefined) {
    const next = `stop the server, keep a copy of the data folder, and restore the newest backup: ${RESTORE}`
    return [problem('store', `store is damaged: ${damage}`, next)]
  }
  const known = MIGRATIONS.length
  const version =
    schemaVersion > known
      ? problem(
          'schema',
          `schema ${schemaVersion} is newer than this version knows (${known})`,
          'run the newer version',
        )
      : schemaVersion < known
        ? warning(
            'schema',
            `schema ${schemaVersion} is older than ${known}`,
            'back up; the server brings it up to date when it starts',
          )
        : ok('schema', `schema ${schemaVersion}`)
  return [ok('store', 'every page and reference is in order'), version]
}

function examineHighWater({ highWater, revision }: ServerState): Finding {
  if (highWater === undefined) {
    return warning(
      'high-water mark',
      `file ${HIGH_WATER_FILE} is missing`,
      'nothing: the server makes it when it starts, and cannot tell until then whether the store is old',
    )
  }
  if (revision < highWater.revision) {
    const message = `store is at revision ${revision}, this server has been at ${highWater.revision}`
    return problem(
      'high-water mark',
      message,
      `restore a newer backup, or start the server and read what it says about it`,
    )
  }
  return ok('high-water mark', `revision ${revision}`)
}

function examineClock({ highWater }: ServerState, now: number): Finding {
  const newest = highWater?.time ?? 0
  const fault = judgeClock(now, newest)
  const when = new Date(now * 1000).toISOString()
  if (fault === undefined) return ok('clock', when)
  const last = newest === 0 ? '' : `; this server last did something at ${new Date(newest * 1000).toISOString()}`
  return problem(
    'clock',
    `clock shows ${when}${last}`,
    'set the clock, or, if it is right: countersign server resume clock',
  )
}

async function examineAuthority(state: ServerState, authority: Authority, now: number): Promise<Finding> {
  const { id, state: step, notBefore, notAfter } = authority
  const check = `authority ${id}`
  const until = new Date(notAfter * 1000).toISOString()
  try {
    if (step !== 'retired' && !(await state.hasKey(authority))) {
      return problem(
        check,
        'its key is not in the key manager, or is another one',
        'the server makes another when it starts; restore the key if you have it',
      )
    }
  } catch (error) {
    return problem(
      check,
      `its key cannot be used (${errorCode(error) ?? 'unknown reason'})`,
      'restore the key from a backup, or delete its file: the server makes another',
    )
  }
  if (now >= notAfter) return warning(check, `${step}, has ended at ${until}`, 'nothing: a running server replaces it')
  if (notBefore > now) return problem(check, `${step}, begins in the future`, 'check the clock')
  return ok(check, `${step}, until ${until}`)
}

function examineKind({ authorities }: ServerState, kind: Authority['kind']): Finding[] {
  const isActive = authorities.some((authority) => authority.kind === kind && authority.state === 'active')
  return isActive ? [] : [warning(`${kind} authority`, 'none is active', 'start the server: it makes one')]
}

export const ok = (check: string, message: string): Finding => ({ check, status: 'ok', message })
export const warning = (check: string, message: string, next: string): Finding => ({
  check,
  status: 'warning',
  message,
  next,
})
export const problem = (check: string, message: string, next: string): Finding => ({
  check,
  status: 'problem',
  message,
  next,
})
export const skipped = (check: string, message: string): Finding => ({ check, status: 'skipped', message })
