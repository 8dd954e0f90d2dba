import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { WorkloadId } from '../identifier/workload-id.ts'
import { SubjectMemo } from './subject-memo.ts'

const text = (index: number) => `spiffe://example.org/w/${index}`

describe('SubjectMemo', () => {
  it('gives the same subject for the same text, once it was remembered', () => {
    const memo = new SubjectMemo()
    const first = memo.parse(text(1))
    expect(memo.parse(text(1))).not.toBe(first)
    memo.remember(first)
    memo.remember(memo.parse(text(1)))
    expect(memo.parse(text(1))).toBe(first)
    expect(memo.parse(text(2)).toString()).toBe(text(2))
  })

  it('refuses what is no identifier, whatever it remembers', async () => {
    const memo = new SubjectMemo()
    memo.remember(WorkloadId.parse(text(1)))
    await expectCode(() => memo.parse(`${text(1)}/`), 'ERR_IDENTIFIER_PATH')
    await expectCode(() => memo.parse(text(1).toUpperCase()), 'ERR_IDENTIFIER_NOT_CANONICAL')
  })

  it('hands out what nobody can change', () => {
    const memo = new SubjectMemo()
    memo.remember(WorkloadId.parse(text(1)))
    expect(() => Object.assign(memo.parse(text(1)), { origin: 'spiffe://evil.example' })).toThrow(TypeError)
  })

  it('holds a bounded number', () => {
    const memo = new SubjectMemo()
    const first = WorkloadId.parse(text(0))
    memo.remember(first)
    for (let index = 1; index < 4096; index++) memo.remember(WorkloadId.parse(text(index)))
    expect(memo.parse(text(0))).toBe(first)
    memo.remember(WorkloadId.parse(text(4096)))
    expect(memo.parse(text(0))).not.toBe(first)
  })
})
