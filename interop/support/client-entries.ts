import type { NewEntry } from '@countersign/api'
import type { InteropTrustDomain } from './trust-domain.ts'

type Selector = NewEntry['selectors'][number]

/** Short, so that a rotation arrives while a client watches. */
const SVID_TTL_SECONDS = 6

/** What only a program of this very user has. */
export const thisUser = (): Selector => ({ type: 'unix', value: `uid:${process.getuid?.() ?? 0}` })

/**
 * Registers a foreign client twice: as `spiffeId`, which sees the bundle of `partner` and gets credentials of six seconds,
 * and then as `spiffeId`/second, with the hint `second`.
 *
 * @param program what tells it from every other program
 */
export async function registerClient(
  domain: InteropTrustDomain,
  spiffeId: string,
  program: Selector,
  partner: string,
): Promise<void> {
  const selectors = [program, thisUser()]
  await domain.register({
    spiffeId,
    selectors,
    x509SvidTtl: SVID_TTL_SECONDS,
    witTtl: SVID_TTL_SECONDS,
    federatesWith: [partner],
  })
  await domain.register({ spiffeId: `${spiffeId}/second`, selectors, hint: 'second' })
}
