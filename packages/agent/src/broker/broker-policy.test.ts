import { WorkloadId } from '@countersign/protocol'
import { describe, expect, it } from 'vitest'
import { BrokerPolicy } from './broker-policy.ts'

const id = 'spiffe://example.org/mesh/proxy'
const shop = { root: 'spiffe://example.org/shop', match: 'descendants' } as const

describe('BrokerPolicy', () => {
  it('knows brokers by their exact name', () => {
    const policy = BrokerPolicy.parse([{ id, references: ['pid'], identities: [shop] }])
    const isBroker = (text: string) => policy.grantOf(WorkloadId.parse(text)) !== undefined
    expect(isBroker(id)).toBe(true)
    for (const other of [`${id}/a`, `${id}2`, 'spiffe://example.org/mesh', 'spiffe://other.example/mesh/proxy']) {
      expect([other, isBroker(other)]).toEqual([other, false])
    }
  })

  it('ends a name where a segment ends', () => {
    const grant = BrokerPolicy.parse([{ id, references: [], identities: [shop] }]).grantOf(WorkloadId.parse(id))
    const ids = ['shop', 'shop/web', 'shopping', 'shop-admin/web', 'admin'].map(
      (path) => `spiffe://example.org/${path}`,
    )
    expect(ids.filter((each) => grant?.allowsIdentity(each))).toEqual(ids.slice(0, 2))
    expect(grant?.allowsReference('pid')).toBe(false)
  })

  it('gives nothing that is not listed', () => {
    const grant = BrokerPolicy.parse([{ id, references: ['pid'], identities: [] }]).grantOf(WorkloadId.parse(id))
    expect(grant?.allowsIdentity('spiffe://example.org/shop')).toBe(false)
  })
})
