import { stat } from 'node:fs/promises'
import { answerOf } from './host-fault.ts'

/**
 * Whether a path leads the agent to this very file. A program can give itself a private view of the file system without
 * any privilege (a user and mount namespace, a changed root), in which `/usr/bin/node` is whatever it likes; its path
 * then says nothing to anyone else.
 *
 * @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` when the host cannot say now
 */
export async function leadsTo(
  path: string,
  file: { readonly device: bigint; readonly inode: bigint },
): Promise<boolean> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return dev === file.device && ino === file.inode
  } catch (error) {
    answerOf(error)
    return false
  }
}
