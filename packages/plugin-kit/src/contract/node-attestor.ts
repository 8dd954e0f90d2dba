import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AgentNodeAttestor, NodeAttestorHost, ServerNodeAttestor } from '../plugin/node-attestor.ts'
import { expectNotQuoted, expectRefusal, expectWellFormedSelectors } from './expectations.ts'

/** The server's half of a node attestor, with evidence that it accepts. */
export interface ServerNodeAttestorFixture {
  readonly attestor: ServerNodeAttestor
  readonly host: NodeAttestorHost
  /** Genuine evidence, as JSON. */
  readonly evidence: unknown
  /** Well-formed evidence that is not genuine, and the code it is refused with. */
  readonly forged: { readonly evidence: unknown; readonly code: string }
  /** A text in `evidence` and `forged.evidence` that nobody may ever see quoted. */
  readonly secrets: readonly string[]
  readonly dispose?: () => void | Promise<void>
}

const MALFORMED: readonly unknown[] = [
  null,
  undefined,
  true,
  0,
  '',
  'text',
  [],
  [{}],
  {},
  { __proto__: null },
  { token: {} },
]
const MAX_EVIDENCE_BYTES = 65_536

/** The contract of `ServerNodeAttestor`: call it in a plugin's test file. */
export function describeServerNodeAttestor(
  name: string,
  factory: () => ServerNodeAttestorFixture | Promise<ServerNodeAttestorFixture>,
): void {
  describe(`${name} keeps the server node attestor contract`, () => {
    let fixture: ServerNodeAttestorFixture
    const judge = (evidence: unknown) => fixture.attestor.judge(evidence, fixture.host)

    beforeEach(async () => {
      fixture = await factory()
    })
    afterEach(() => fixture.dispose?.())

    it('accepts genuine evidence', async () => {
      const node = await judge(fixture.evidence)
      expect(node.agentPath).toMatch(/^(?:\/[A-Za-z0-9._-]+)+$/)
      expect(typeof node.canReattest).toBe('boolean')
      expectWellFormedSelectors(node.selectors)
    })

    it('accepts evidence again exactly when it says so', async () => {
      const { canReattest, agentPath } = await judge(fixture.evidence)
      if (canReattest) expect((await judge(fixture.evidence)).agentPath).toBe(agentPath)
      else await expectRefusal(judge(fixture.evidence), /^ERR_ATTESTATION_/)
    })

    it('accepts evidence for one use once, however many bring it at the same time', async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => judge(fixture.evidence)))
      const accepted = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
      expect(accepted).toHaveLength(accepted[0]?.canReattest === true ? outcomes.length : 1)
    })

    it('refuses forged evidence without quoting it', async () => {
      const error = await expectRefusal(judge(fixture.forged.evidence), fixture.forged.code)
      for (const secret of fixture.secrets) expectNotQuoted(error, secret)
    })

    it.each(MALFORMED)('refuses %j', async (evidence) => {
      await expectRefusal(judge(evidence), /^ERR_ATTESTATION_/)
    })

    it('refuses evidence with a member it does not know', async () => {
      const { evidence, secrets } = fixture
      if (typeof evidence !== 'object' || evidence === null || Array.isArray(evidence)) return
      const error = await expectRefusal(judge({ ...evidence, unknownMember: 1 }), 'ERR_ATTESTATION_EVIDENCE_MALFORMED')
      for (const secret of secrets) expectNotQuoted(error, secret)
    })

    it('still accepts genuine evidence after refusing bad', async () => {
      for (const evidence of MALFORMED) await expectRefusal(judge(evidence), /^ERR_ATTESTATION_/)
      expect((await judge(fixture.evidence)).agentPath).toMatch(/^\//)
    })
  })
}

/** The agent's half of a node attestor, on a node that can prove itself and on one that cannot. */
export interface AgentNodeAttestorFixture {
  readonly attestor: AgentNodeAttestor
  /** Configured so that this node cannot prove itself. */
  readonly helpless: AgentNodeAttestor
  readonly dispose?: () => void | Promise<void>
}

/** The contract of `AgentNodeAttestor`: call it in a plugin's test file. */
export function describeAgentNodeAttestor(
  name: string,
  factory: () => AgentNodeAttestorFixture | Promise<AgentNodeAttestorFixture>,
): void {
  describe(`${name} keeps the agent node attestor contract`, () => {
    let fixture: AgentNodeAttestorFixture

    beforeEach(async () => {
      fixture = await factory()
    })
    afterEach(() => fixture.dispose?.())

    it('gathers evidence that survives JSON and is small enough to send', async () => {
      const evidence = await fixture.attestor.gatherEvidence()
      const text = JSON.stringify(evidence)
      expect(JSON.parse(text)).toEqual(evidence)
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_EVIDENCE_BYTES)
    })

    it('says what it needs when this node cannot prove itself', async () => {
      const error = await expectRefusal(fixture.helpless.gatherEvidence(), 'ERR_ATTESTATION_NOT_POSSIBLE')
      expect(error.message.length).toBeGreaterThan(20)
    })

    it('tells an operator what to do, if it has words for it', () => {
      for (const agentPath of [undefined, '/rack/one']) {
        const need = fixture.attestor.describeNeed?.(agentPath)
        if (need === undefined) continue
        expect(need.say.length).toBeGreaterThan(20)
        expect(need.command?.every((each) => each !== '')).not.toBe(false)
      }
    })
  })
}
