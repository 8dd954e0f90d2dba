import { constants } from 'node:fs'
import { access, lstat, readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from '@countersign/api'
import { BACKUP_PREFIX } from '../backup/make-backup.ts'
import { isRestoreUnfinished, STAGING_FOLDER } from '../backup/restore-staging.ts'
import { ok, problem, skipped, warning } from './examine-state.ts'

const MIB = 1024 * 1024
/** A store grows by a few MiB a day at most; below this nothing works any more. */
const ENOUGH_BYTES = 256 * MIB
const LEAST_BYTES = 16 * MIB

/** The data folder and what lies in it by itself. */
export async function examineFolder(dataDir: string): Promise<Finding[]> {
  const stat = await lstat(dataDir).catch(() => undefined)
  if (stat === undefined)
    return [warning('data folder', `${dataDir} does not exist`, 'start the server: it makes the folder')]
  if (!stat.isDirectory())
    return [problem('data folder', `${dataDir} is not a folder`, 'correct `dataDir` in the configuration')]
  return [
    await examinePermissions(dataDir, stat.mode, stat.uid),
    await examineSpace(dataDir),
    ...(await examineRemains(dataDir)),
    ...(await examinePrivateFiles(dataDir)),
  ]
}

async function examinePermissions(dataDir: string, mode: number, uid: number): Promise<Finding> {
  const check = 'data folder'
  const user = process.geteuid?.()
  if (user !== undefined && user !== 0 && uid !== user) {
    return problem(
      check,
      `${dataDir} belongs to user id ${uid}, not to ${user}`,
      'run this as the user that runs the server',
    )
  }
  if ((mode & 0o022) !== 0) {
    return problem(check, `others can write to ${dataDir}`, `run: chmod 700 '${dataDir}'`)
  }
  const isWritable = await access(dataDir, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (!isWritable)
    return problem(check, `${dataDir} cannot be written`, 'check the mount (read-only?) and who may write')
  if ((mode & 0o055) !== 0) return warning(check, `others can look into ${dataDir}`, `run: chmod 700 '${dataDir}'`)
  return ok(check, dataDir)
}

async function examineSpace(dataDir: string): Promise<Finding> {
  const { bavail, bsize, ffree, files } = await statfs(dataDir)
  const free = bavail * bsize
  const message = `${Math.floor(free / MIB)} MiB free`
  const next = 'make room: nothing can be issued or changed once the disk is full'
  if (free < LEAST_BYTES) return problem('disk space', message, next)
  if (files > 0 && ffree < 64) return problem('disk space', `${ffree} files can still be made`, next)
  return free < ENOUGH_BYTES ? warning('disk space', message, next) : ok('disk space', message)
}

/** What a crash left: `*.new` of files that were being written, and folders for backups and restores. */
async function examineRemains(dataDir: string): Promise<Finding[]> {
  if (isRestoreUnfinished(dataDir)) {
    return [
      problem(
        'restore',
        'a restore was cut short',
        'run the same `countersign server restore` again: it goes on where it was',
      ),
    ]
  }
  const names = await readdir(dataDir)
  const remains = names.filter(
    (name) => name.startsWith(BACKUP_PREFIX) || name === STAGING_FOLDER || /\.[0-9a-f-]{36}\.new$/.test(name),
  )
  if (remains.length === 0) return [ok('temporary files', 'none')]
  const next = 'nothing: the server removes them when it starts; or no backup is being made, and you delete them'
  return [warning('temporary files', `left by a crash: ${remains.join(', ')}`, next)]
}

async function examinePrivateFiles(dataDir: string): Promise<Finding[]> {
  const path = join(dataDir, 'public-root-key.pem')
  const stat = await lstat(path).catch(() => undefined)
  if (stat === undefined) return [skipped('web root', 'no key of an own web root')]
  if ((stat.mode & 0o077) === 0) return [ok('web root', 'its key is private')]
  return [problem('web root', 'others can read public-root-key.pem', `run: chmod 600 '${path}'`)]
}
