import { AttestationError, type PluginContext, silentLogger, type WorkloadAttestor } from '@countersign/plugin-kit'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { AttestorFindings } from './attestor-findings.ts'

const peer = { pid: 1, uid: 2, gid: 3, startTime: '4', isAlive: () => true }
const a = { type: 't', value: 'a' }

type Make = (context: PluginContext) => WorkloadAttestor['attest']

function findings(...makes: Make[]) {
  const clock = new FakeClock()
  const logged: string[] = []
  const log = { ...silentLogger, info: (_: object, message: string) => void logged.push(message) }
  const attestors = makes.map((make, index) => ({
    name: `a${index}`,
    create: (context: PluginContext) => ({ attest: make(context) }),
  }))
  const plugin = (): PluginContext => ({ clock, log, dataDir: '/' })
  return { clock, logged, found: new AttestorFindings({ attestors, plugin, clock, timeoutMs: 10_000 }) }
}

describe('AttestorFindings', () => {
  it('keeps apart what each attestor found and failed at', async () => {
    const { found } = findings(
      () => async () => [a],
      () => async () => {
        throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'may not look', { detail: 'EACCES' })
      },
      () => async () => {
        throw Object.assign(new Error('secret in here'), { code: 'EMFILE' })
      },
    )
    expect(await found.find(peer)).toEqual([
      { name: 'a0', selectors: [a], notes: [] },
      {
        name: 'a1',
        selectors: [],
        notes: [],
        trouble: { code: 'ERR_ATTESTATION_NOT_POSSIBLE', message: 'may not look', detail: 'EACCES' },
      },
      {
        name: 'a2',
        selectors: [],
        notes: [],
        trouble: { code: 'ERR_ATTESTATION_NOT_POSSIBLE', message: 'attestor failed', detail: 'EMFILE' },
      },
    ])
  })

  it('tells what an attestor would log, once each, and leaves it out of the log', async () => {
    const { found, logged } = findings(({ log }) => async () => {
      for (let turn = 0; turn < 2; turn++)
        log.info({ pid: 1, selector: 'path', reason: 'not UTF-8' }, 'selector omitted')
      log.child({ more: 1 }).warn({}, 'odd')
      log.debug({}, 'noise')
      return [a]
    })
    for (let turn = 0; turn < 2; turn++) {
      expect((await found.find(peer))[0]?.notes).toEqual(['selector omitted path: not UTF-8', 'odd'])
    }
    expect(logged).toEqual([])
  })

  it('keeps no more notes than an operator would read', async () => {
    const { found } = findings(({ log }) => async () => {
      for (let line = 0; line < 1000; line++) log.info({}, `line ${line}`)
      return []
    })
    expect((await found.find(peer))[0]?.notes).toHaveLength(64)
  })

  it('answers one question at a time, so that notes belong to the process they are about', async () => {
    const { found } = findings(({ log }) => async ({ pid }) => {
      log.info({ selector: pid, reason: 'r' }, `about ${pid}`)
      await Promise.resolve()
      return []
    })
    const answers = await Promise.all([1, 2, 3].map((pid) => found.find({ ...peer, pid })))
    expect(answers.map(([first]) => first?.notes)).toEqual([['about 1: r'], ['about 2: r'], ['about 3: r']])
  })

  it('takes the next question after an attestor could not be created', async () => {
    let created = 0
    const { found } = findings(() => {
      created += 1
      if (created === 1) throw new TypeError('no')
      return async () => [a]
    })
    await expect(found.find(peer)).rejects.toThrow('no')
    expect((await found.find(peer))[0]?.selectors).toEqual([a])
  })

  it('gives up on an attestor that never answers, and takes the next question', async () => {
    let asked = 0
    const { found, clock } = findings(() => () => (++asked === 1 ? new Promise(() => {}) : Promise.resolve([a])))
    const first = found.find(peer)
    const second = found.find(peer)
    await clock.advance(10)
    expect((await first)[0]?.trouble?.message).toBe('attestor took too long')
    expect((await second)[0]?.selectors).toEqual([a])
  })
})
