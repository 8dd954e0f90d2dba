import { AttestationError } from '@countersign/plugin-kit'
import { describe, expect, it } from 'vitest'
import { answerOf } from './host-fault.ts'

const failure = (code: unknown) => Object.assign(new Error('failed'), { code })

describe('answerOf', () => {
  it.each(['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR', 'ELOOP', 'ESRCH', 'ENAMETOOLONG', 'ENXIO'])('takes %s', (code) => {
    expect(answerOf(failure(code))).toBe(code)
  })

  it.each(['EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'EAGAIN', 'ESTALE'])('does not take %s for an answer', (code) => {
    expect(() => answerOf(failure(code))).toThrow(
      expect.objectContaining({ code: 'ERR_ATTESTATION_NOT_POSSIBLE', detail: code }),
    )
  })

  it.each([new Error('bug'), failure(20), new AttestationError('ERR_ATTESTATION_PROCESS_GONE', 'gone')])(
    'passes on what is not of the kernel: %s',
    (error) => {
      expect(() => answerOf(error)).toThrow(error)
    },
  )
})
