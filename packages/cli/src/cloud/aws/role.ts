import { InvalidArgumentError } from 'commander'

/** An IAM role, taken apart. */
export interface Role {
  readonly arn: string
  readonly partition: string
  readonly account: string
  /** Without its path. */
  readonly name: string
}

/** Role names and partitions as IAM has them; of paths, the characters that go unquoted through shells and policies. */
const ROLE_ARN = /^arn:(aws[a-z-]*):iam::([0-9]{12}):role\/(?:[A-Za-z0-9_.,=@+-]+\/)*([A-Za-z0-9_+=,.@-]{1,64})$/
const MAX_ARN = 2_048

/** @throws InvalidArgumentError of commander */
export function parseRole(text: string): Role {
  const [arn, partition, account, name] = (text.length <= MAX_ARN && ROLE_ARN.exec(text)) || []
  if (arn === undefined || partition === undefined || account === undefined || name === undefined) {
    throw new InvalidArgumentError('Expected the ARN of a role, as in arn:aws:iam::123456789012:role/app.')
  }
  return { arn, partition, account, name }
}

/** The ARN of the identity provider of an issuer in the account of a role. */
export function providerArn({ partition, account }: Role, issuer: string): string {
  return `arn:${partition}:iam::${account}:oidc-provider/${providerName(issuer)}`
}

/** What IAM calls an issuer: its URL without the scheme. Condition keys begin with it. */
export function providerName(issuer: string): string {
  return issuer.slice('https://'.length)
}
