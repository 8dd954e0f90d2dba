import type { Responses } from '../rpcs.ts'

type Response = Responses[keyof Responses]

/** Whether the response itself and each SVID in it has what the standard calls mandatory. Empty bundle maps do not. */
export function holdsMandatoryFields(response: Response): boolean {
  if ('svids' in response) return response.svids.length > 0 && missingField(response.svids) === undefined
  if ('bundles' in response) return Object.keys(response.bundles).length > 0
  return response.spiffeId !== '' && response.claims !== undefined
}

type Svid = Responses['FetchX509SVID' | 'FetchJWTSVID' | 'FetchWITSVID']['svids'][number]

/** The first mandatory field of an SVID message that is empty: all but `hint` are. */
export function missingField(svids: readonly Svid[]): string | undefined {
  for (const [index, svid] of svids.entries()) {
    for (const [name, value] of Object.entries(svid)) {
      if (name === 'hint' || name.startsWith('$')) continue
      if (value === '' || (value instanceof Uint8Array && value.length === 0)) return `svids[${index}].${name} is empty`
    }
  }
  return undefined
}

/** The identities and trust domains that a response tells of. */
export function stateNames(response: Response): ReadonlySet<string> {
  return new Set([
    ...('svids' in response ? response.svids.map(({ spiffeId }) => spiffeId) : []),
    ...('bundles' in response ? Object.keys(response.bundles) : []),
    ...('federatedBundles' in response ? Object.keys(response.federatedBundles) : []),
  ])
}
