import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PeerProcess, WorkloadAttestor } from '../plugin/workload-attestor.ts'
import { expectRefusal, expectWellFormedSelectors } from './expectations.ts'

/** A workload attestor and processes to try it on. */
export interface WorkloadAttestorFixture {
  readonly attestor: WorkloadAttestor
  /** Type of every selector the attestor reports. */
  readonly selectorType: string
  /** A process that runs as long as the fixture lasts. */
  readonly peer: PeerProcess
  /** A process that connected and has ended since, and whose pid no other has taken. */
  readonly ended: PeerProcess
  readonly dispose?: () => void | Promise<void>
}

/** The contract of `WorkloadAttestor`: call it in a plugin's test file. */
export function describeWorkloadAttestor(
  name: string,
  factory: () => WorkloadAttestorFixture | Promise<WorkloadAttestorFixture>,
): void {
  describe(`${name} keeps the workload attestor contract`, () => {
    let fixture: WorkloadAttestorFixture
    let attestor: WorkloadAttestor
    const { signal } = new AbortController()

    beforeEach(async () => {
      fixture = await factory()
      attestor = fixture.attestor
    })
    afterEach(() => fixture.dispose?.())

    it('reports well-formed selectors of its own type', async () => {
      const selectors = await attestor.attest(fixture.peer, signal)
      expect(selectors.length).toBeGreaterThan(0)
      expectWellFormedSelectors(selectors)
      expect(new Set(selectors.map((selector) => selector.type))).toEqual(new Set([fixture.selectorType]))
    })

    it('reports the same again, also to overlapping calls', async () => {
      const first = await attestor.attest(fixture.peer, signal)
      const more = await Promise.all(Array.from({ length: 8 }, () => attestor.attest(fixture.peer, signal)))
      for (const selectors of more) expect(selectors).toEqual(first)
    })

    it('refuses a process that has ended', async () => {
      await expectRefusal(attestor.attest(fixture.ended, signal), 'ERR_ATTESTATION_PROCESS_GONE')
    })

    it('refuses a process that ends meanwhile, whoever has its pid now', async () => {
      const ending: PeerProcess = { ...fixture.peer, isAlive: () => false }
      await expectRefusal(attestor.attest(ending, signal), 'ERR_ATTESTATION_PROCESS_GONE')
    })

    it('refuses a pid that another process has by now', async () => {
      const reused: PeerProcess = { ...fixture.peer, startTime: '1', isAlive: () => true }
      await expectRefusal(attestor.attest(reused, signal), 'ERR_ATTESTATION_PROCESS_GONE')
    })

    it('stops when told to', async () => {
      const reason = new Error('caller went away')
      await expect(attestor.attest(fixture.peer, AbortSignal.abort(reason))).rejects.toBe(reason)
    })
  })
}
