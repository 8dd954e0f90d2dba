import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { actorsOfTransaction } from './actors-of-transaction.ts'

const GATEWAY = 'spiffe://example.org/gateway'
const BROKER = 'spiffe://example.org/broker'
const transactionOf = (...requestingWorkloads: readonly string[]) => ({
  id: 'txn-1',
  context: undefined,
  requestContext: undefined,
  requestingWorkloads,
})

describe('actorsOfTransaction', () => {
  it('names those who asked, the last one first, before those who acted earlier', () => {
    const subject = { subject: 'alice', transaction: transactionOf(GATEWAY, BROKER), actor: { subject: 'portal' } }
    expect(actorsOfTransaction(subject)).toEqual({
      subject: BROKER,
      previous: { subject: GATEWAY, previous: { subject: 'portal' } },
    })
  })

  it('names one that asked twice in a row once', () => {
    const subject = { subject: 'alice', transaction: transactionOf(GATEWAY, GATEWAY), actor: undefined }
    expect(actorsOfTransaction(subject)).toEqual({ subject: GATEWAY })
  })

  it('leaves out the job that the transaction is for', () => {
    const subject = { subject: GATEWAY, transaction: transactionOf(GATEWAY, BROKER), actor: undefined }
    expect(actorsOfTransaction(subject)).toEqual({ subject: BROKER })
  })

  it('leaves the chain of another token as it is', () => {
    const actor = { subject: 'portal' }
    expect(actorsOfTransaction({ subject: 'alice', transaction: undefined, actor })).toBe(actor)
  })

  it('refuses a chain that is too long', async () => {
    const subject = { subject: 'alice', transaction: transactionOf(GATEWAY, BROKER), actor: undefined }
    await expectCode(() => actorsOfTransaction(subject, 1), 'ERR_CREDENTIAL_ACTOR')
  })
})
