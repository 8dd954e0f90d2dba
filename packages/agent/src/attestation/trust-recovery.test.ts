import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrustDomainBundle } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { TestAuthority } from '../test-support/test-authority.ts'
import { OwnTrust } from './own-trust.ts'
import { TrustRecovery } from './trust-recovery.ts'

const authority = (name: string) => TestAuthority.create('example.org', () => 1_700_000_000, name)
const numbered = ({ trustDomain, bundle }: TrustDomainBundle, sequence: number) => ({
  trustDomain,
  bundle: { ...bundle, spiffe_sequence: sequence },
})

async function start() {
  const path = join(await temporaryFolder(), 'bundle.json')
  const log = new RecordingLogger()
  const trust = new OwnTrust('example.org', log)
  const [old, current] = await Promise.all([authority('old'), authority('new')])
  trust.replace(numbered(old.bundle(), 7))
  const saved: TrustDomainBundle[] = []
  const save = async (bundle: TrustDomainBundle) => void saved.push(bundle)
  let replaced = 0
  const options = { path, trust, save, onReplaced: () => replaced++, log }
  const provide = (sequence: number) => writeFile(path, JSON.stringify(numbered(current.bundle(), sequence).bundle))
  return { path, trust, old, current, saved, options, provide, replaced: () => replaced }
}

describe('TrustRecovery', () => {
  it('takes up a newer bundle of the operator, and keeps it', async () => {
    const { trust, current, options, provide, saved, replaced } = await start()
    await provide(8)
    expect(await new TrustRecovery(options).attempt()).toBeUndefined()
    expect(trust.roots()).toEqual([current.certificate])
    expect(saved).toEqual([numbered(current.bundle(), 8)])
    expect(replaced()).toBe(1)
  })

  it.each([7, 6])(
    'does not bring back what an older bundle holds (number %i), and says what it needs',
    async (number) => {
      const { path, trust, old, options, provide, saved } = await start()
      await provide(number)
      const need = await new TrustRecovery(options).attempt()
      expect(need?.say).toContain(`newer than number 7, to ${path}`)
      expect(need?.command).toEqual(['countersign', 'bundle', 'show', '--format', 'spiffe'])
      expect(trust.roots()).toEqual([old.certificate])
      expect(saved).toEqual([])
    },
  )

  it.each([
    ['is missing', undefined],
    ['is no bundle', '{"keys":[]}'],
  ])('says what it needs when the file %s', async (_, text) => {
    const { path, options, trust, old } = await start()
    if (text !== undefined) await writeFile(path, text)
    expect((await new TrustRecovery(options).attempt())?.say).toContain(path)
    expect(trust.roots()).toEqual([old.certificate])
  })

  it('says where to name a file when none is configured', async () => {
    const { options } = await start()
    const need = await new TrustRecovery({ ...options, path: undefined }).attempt()
    expect(need?.say).toContain('"bootstrapBundle"')
  })
})
