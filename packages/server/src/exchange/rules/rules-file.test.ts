import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { createAudit } from '../../audit/audit.ts'
import { questionWith, subjectWith } from '../../test-support/exchange-question.ts'
import { RecordingLogger } from '../../test-support/recording-logger.ts'
import { temporaryFolder } from '../../test-support/temporary-folder.ts'
import { createVocabulary, type VocabularySources } from './rule-vocabulary.ts'
import { RulesFile } from './rules-file.ts'

const ISSUER = 'https://as.example.org'
const vocabulary = createVocabulary({
  ownAudience: ISSUER,
  trustDomain: 'example.org',
  // A vocabulary looks at no more of a profile.
  profiles: new Map<string, unknown>([
    [
      'wit',
      {
        in: { roles: ['client', 'subject'], vouchers: ['trust-domain'], isBound: true },
        out: { binding: 'always' },
      },
    ],
    ['access-token', { out: { binding: 'optional' } }],
  ]) as unknown as VocabularySources['profiles'],
  issuers: [],
})
const ruleFor = (name: string) => ({
  name,
  grant: 'token-exchange',
  subject: { profile: 'wit', issuer: 'example.org', anySubject: true },
  to: { profile: 'access-token', audience: ['https://orders.example'] },
})
const documentOf = (...names: string[]) => JSON.stringify({ rules: names.map(ruleFor) })

async function open(text = documentOf('first')) {
  const path = join(await temporaryFolder(), 'rules.yaml')
  await writeFile(path, text)
  const log = new RecordingLogger()
  const file = await RulesFile.open({ path, vocabulary, audit: createAudit(log), log })
  const write = (changed: string) => writeFile(path, changed)
  const events = () => log.lines.flatMap(({ fields }) => ('event' in fields ? [fields['event']] : []))
  const decide = () => {
    const decision = file.rules.decide(questionWith({ subject: subjectWith({ audience: undefined }) }))
    return decision.allowed ? decision.rule.name : undefined
  }
  return { path, file, log, write, events, decide, problem: () => file.readiness.check() }
}

describe('RulesFile', () => {
  it('reads its document, and again only when it changes', async () => {
    const { file, write, events, decide } = await open()
    const { rules } = file
    await file.reloadIfChanged()
    expect(file.rules).toBe(rules)
    await write(documentOf('second'))
    expect(decide()).toBe('first')
    await file.reloadIfChanged()
    expect(decide()).toBe('second')
    expect(events()).toEqual(['exchange_rules.loaded', 'exchange_rules.loaded'])
  })

  it('takes a document that says the same for the same', async () => {
    const { file, write, events } = await open()
    const { rules } = file
    await write(` ${documentOf('first')}`)
    await file.reloadIfChanged()
    expect(file.rules).toBe(rules)
    expect(events()).toHaveLength(1)
  })

  it('sees a file that was put in its place with the time and length of the old one', async () => {
    const { path, file, decide } = await open(documentOf('one'))
    await writeFile(`${path}.new`, documentOf('two'))
    await rename(`${path}.new`, path)
    await file.reloadIfChanged()
    expect(decide()).toBe('two')
  })

  it.each<[string, string]>([
    ['is half written', documentOf('second').slice(0, 40)],
    ['has a rule that cannot be meant', documentOf('second', 'second')],
    ['is no document of rules', '[]'],
    ['needs a variable that is not set', 'rules: $'.concat('{NO_SUCH_VARIABLE_ANYWHERE}')],
  ])('keeps the rules it has when the new document %s, and says so once', async (_, text) => {
    const { file, log, write, events, decide, problem } = await open()
    await write(text)
    for (let count = 0; count < 3; count++) await file.reloadIfChanged()
    expect(decide()).toBe('first')
    expect(problem()).toMatch(/^the changed rules are not in force: /)
    expect(events()).toEqual(['exchange_rules.loaded', 'exchange_rules.refused'])
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    await write(documentOf('third'))
    await file.reloadIfChanged()
    expect(decide()).toBe('third')
    expect(problem()).toBeUndefined()
  })

  it('keeps them when the file is gone, and says when it is back as it was', async () => {
    const { path, file, write, events, decide, problem } = await open()
    await rm(path)
    await file.reloadIfChanged()
    expect(decide()).toBe('first')
    expect(problem()).toContain('cannot be read (ENOENT)')
    await write(documentOf('first'))
    await file.reloadIfChanged()
    expect(problem()).toBeUndefined()
    expect(events()).toEqual(['exchange_rules.loaded', 'exchange_rules.refused', 'exchange_rules.loaded'])
  })

  it('does not begin with a document that cannot be used', async () => {
    await expectCode(open('[]'), 'ERR_EXCHANGE_RULES')
    await expectCode(open('rules: ['), 'ERR_CONFIG_SYNTAX')
  })
})
