import { InvalidArgumentError } from 'commander'

/** An OpenID Connect provider of a workload identity pool. */
export interface Provider {
  /** Of the project; Google's names of pools have the number, not the id. */
  readonly projectNumber: string
  readonly pool: string
  readonly provider: string
}

const NUMBER = /^[0-9]{1,20}$/
/** Ids of pools and providers; `gcp-` is Google's own. */
const NAME = /^(?!gcp-)[a-z0-9-]{4,32}$/
const PROJECT = /^[a-z0-9][a-z0-9.:-]{3,63}$/
const RESOURCE =
  /^\/\/iam\.googleapis\.com\/projects\/([^/]*)\/locations\/global\/workloadIdentityPools\/([^/]*)\/providers\/([^/]*)$/

/** @throws InvalidArgumentError of commander */
export function parseProjectNumber(text: string): string {
  if (NUMBER.test(text)) return text
  throw new InvalidArgumentError('Expected the number of the project, not its id.')
}

/** @throws InvalidArgumentError of commander */
export function parseProject(text: string): string {
  if (PROJECT.test(text)) return text
  throw new InvalidArgumentError('Expected the id of a project, as in my-project.')
}

/** @throws InvalidArgumentError of commander */
export function parsePoolName(text: string): string {
  if (NAME.test(text)) return text
  throw new InvalidArgumentError('Expected 4 to 32 of a-z, 0-9 and -, not beginning with gcp-.')
}

/** What a credential configuration calls the provider. */
export function providerAudience({ projectNumber, pool, provider }: Provider): string {
  return `//iam.googleapis.com/projects/${projectNumber}/locations/global/workloadIdentityPools/${pool}/providers/${provider}`
}

/** The provider that a credential configuration names, `undefined` for anything else. */
export function providerOfAudience(audience: string): Provider | undefined {
  const [, projectNumber = '', pool = '', provider = ''] = RESOURCE.exec(audience) ?? []
  const isProvider = NUMBER.test(projectNumber) && NAME.test(pool) && NAME.test(provider)
  return isProvider ? { projectNumber, pool, provider } : undefined
}

/** The audience of tokens for a provider without a list of its own: its full name, with the scheme. */
export function tokenAudience(provider: Provider): string {
  return `https:${providerAudience(provider)}`
}

/** Who a program is to IAM of Google Cloud. */
export function principal({ projectNumber, pool }: Provider, subject: string): string {
  return `principal://iam.googleapis.com/projects/${projectNumber}/locations/global/workloadIdentityPools/${pool}/subject/${subject}`
}
