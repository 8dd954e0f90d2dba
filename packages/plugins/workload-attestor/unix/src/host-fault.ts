import { AttestationError } from '@countersign/plugin-kit'

/** What the kernel answers about a path or process. Anything else is about the state the host is in now. */
const ANSWERS: ReadonlySet<string> = new Set([
  'EACCES',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'ENXIO',
  'EPERM',
  'ESRCH',
])

/**
 * The kernel's answer in a failed file operation, such as `ENOENT`.
 *
 * A fault that passes (no file handles left, a bad disk) must not become a missing selector: the program would be told
 * that its identity was withdrawn.
 *
 * @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` when the host could not answer
 * @throws the error itself when it is not the kernel's
 */
export function answerOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) throw error
  if (ANSWERS.has(code)) return code
  throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'the host cannot say now what the process is', {
    detail: code,
    cause: error,
  })
}
