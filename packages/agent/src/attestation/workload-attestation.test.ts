import { AttestationError, type PeerProcess, type Selector, type WorkloadAttestor } from '@countersign/plugin-kit'
import { FakeClock, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { WorkloadAttestation } from './workload-attestation.ts'

const selector = (value: string): Selector => ({ type: 't', value })

function start(...attest: WorkloadAttestor['attest'][]) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const peer = { pid: 1, uid: 2, gid: 3, startTime: '4', alive: true, isAlive: () => peer.alive }
  const attestors = attest.map((each, index) => ({ name: `a${index}`, attestor: { attest: each } }))
  const attestation = new WorkloadAttestation({ attestors, clock, log, timeoutMs: 10_000, cacheSeconds: 5 })
  return { clock, log, peer: peer as PeerProcess & { alive: boolean }, attestation }
}

describe('WorkloadAttestation', () => {
  it('adds up what all attestors found, each selector once', async () => {
    const { attestation, peer } = start(
      async () => [selector('a'), selector('b')],
      async () => [selector('b'), selector('c')],
    )
    expect(await attestation.attest(peer)).toEqual([selector('a'), selector('b'), selector('c')])
  })

  it('does not answer with a part when one attestor fails', async () => {
    const { attestation, peer, log } = start(
      async () => [selector('a')],
      async () => {
        throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'no')
      },
    )
    await expect(attestation.attest(peer)).rejects.toMatchObject({ code: 'ERR_ATTESTATION_NOT_POSSIBLE' })
    expect(log.with('workload attestation failed')[0]?.fields).toMatchObject({ attestor: 'a1', pid: 1 })
  })

  it('refuses a process that has ended before it is asked about', async () => {
    let asked = 0
    const { attestation, peer } = start(async () => {
      asked += 1
      return []
    })
    peer.alive = false
    await expect(attestation.attest(peer)).rejects.toMatchObject({ code: 'ERR_ATTESTATION_PROCESS_GONE' })
    expect(asked).toBe(0)
  })

  it('refuses a process that ended while it was asked about', async () => {
    const { attestation, peer } = start(async () => {
      peer.alive = false
      return [selector('a')]
    })
    await expect(attestation.attest(peer)).rejects.toMatchObject({ code: 'ERR_ATTESTATION_PROCESS_GONE' })
  })

  it('refuses a process that has ended even when what it was is still remembered', async () => {
    const { attestation, peer } = start(async () => [selector('a')])
    await attestation.attest(peer)
    peer.alive = false
    await expect(attestation.attest(peer)).rejects.toMatchObject({ code: 'ERR_ATTESTATION_PROCESS_GONE' })
  })

  it('believes what it found for five seconds, and asks only once at a time', async () => {
    let asked = 0
    const { attestation, peer, clock } = start(async () => [selector(`${++asked}`)])
    await Promise.all([attestation.attest(peer), attestation.attest(peer)])
    await clock.advance(4)
    expect(await attestation.attest(peer)).toEqual([selector('1')])
    await clock.advance(1)
    expect(await attestation.attest(peer)).toEqual([selector('2')])
  })

  it('logs no more than ten failures of one kind and user a minute', async () => {
    const { attestation, peer, log } = start(async () => {
      throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'no')
    })
    for (let turn = 0; turn < 30; turn++) await attestation.attest(peer).catch(() => {})
    expect(log.records).toHaveLength(10)
  })

  it('asks again when the clock was set back', async () => {
    let asked = 0
    const { attestation, peer, clock } = start(async () => [selector(`${++asked}`)])
    await attestation.attest(peer)
    clock.jump(-3600)
    expect(await attestation.attest(peer)).toEqual([selector('2')])
  })

  it('takes a fault of an attestor for a passing one', async () => {
    const { attestation, peer } = start(async () => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    })
    await expect(attestation.attest(peer)).rejects.toMatchObject({ code: 'ERR_ATTESTATION_NOT_POSSIBLE' })
  })

  it('does not remember a failure', async () => {
    let asked = 0
    const { attestation, peer } = start(async () => {
      asked += 1
      if (asked === 1) throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'no')
      return [selector('a')]
    })
    await expect(attestation.attest(peer)).rejects.toMatchObject({ code: 'ERR_ATTESTATION_NOT_POSSIBLE' })
    expect(await attestation.attest(peer)).toEqual([selector('a')])
  })

  it('gives up on an attestor that neither answers nor heeds the signal', async () => {
    let signal: AbortSignal | undefined
    const { attestation, peer, clock } = start((_, given) => {
      signal = given
      return new Promise(() => {})
    })
    const refused = expect(attestation.attest(peer)).rejects.toMatchObject({ code: 'ERR_ATTESTATION_NOT_POSSIBLE' })
    await clock.advance(10)
    await refused
    expect(signal?.aborted).toBe(true)
  })

  it('refuses more selectors than any process can have', async () => {
    const { attestation, peer } = start(async () => Array.from({ length: 1025 }, (_, index) => selector(`${index}`)))
    await expect(attestation.attest(peer)).rejects.toMatchObject({ code: 'ERR_ATTESTATION_TOO_LARGE' })
  })

  it('asks about a few at once, however many come, and users take turns', async () => {
    let asked = 0
    const turns: number[] = []
    const ends: (() => void)[] = []
    const { attestation } = start((peer) => {
      asked += 1
      turns.push(peer.uid)
      return new Promise((resolve) => {
        ends.push(() => {
          asked -= 1
          resolve([selector(`${peer.uid}`)])
        })
      })
    })
    const program = (uid: number): PeerProcess => ({ pid: 1, uid, gid: 1, startTime: '1', isAlive: () => true })
    const greedy = Array.from({ length: 1000 }, () => attestation.attest(program(1)))
    const modest = attestation.attest(program(2))
    // Sixteen of one user; the other user has places left.
    expect(turns).toEqual([...Array.from({ length: 16 }, () => 1), 2])
    for (let turn = 0; turn < 1000 && ends.length > 0; turn++) {
      for (const end of ends.splice(0)) end()
      await settle(1)
      expect(asked).toBeLessThanOrEqual(17)
    }
    expect(await modest).toEqual([selector('2')])
    expect(await Promise.all(greedy)).toHaveLength(1000)
  })

  it('does not take one program for another whose selectors only read alike', async () => {
    const { attestation } = start(async ({ uid }) =>
      uid === 1 ? [selector('path:/a'), selector('uid:0')] : [selector('path:/a\nt:uid:0')],
    )
    const program = (uid: number): PeerProcess => ({ pid: 1, uid, gid: 1, startTime: '1', isAlive: () => true })
    const first = await attestation.attest(program(1))
    expect(await attestation.attest(program(2))).toEqual([selector('path:/a\nt:uid:0')])
    expect(await attestation.attest(program(1))).toBe(first)
  })
})
