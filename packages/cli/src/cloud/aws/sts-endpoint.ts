import { InvalidArgumentError } from 'commander'
import { CloudError } from '../cloud-error.ts'

/** Domains of the partitions, as the SDKs of AWS have them. */
const DOMAINS: Readonly<Record<string, string>> = {
  aws: 'amazonaws.com',
  'aws-us-gov': 'amazonaws.com',
  'aws-cn': 'amazonaws.com.cn',
  'aws-eusc': 'amazonaws.eu',
}

const REGION = /^[a-z]{2,8}(-[a-z]{1,16}){1,3}-[0-9]{1,2}$/

/** @throws InvalidArgumentError of commander */
export function parseRegion(text: string): string {
  if (REGION.test(text)) return text
  throw new InvalidArgumentError('Expected a region, as in eu-central-1.')
}

/**
 * The regional endpoint of the Security Token Service. The global one is in one region, and its credentials are good in regions only that
 * are on by default.
 *
 * @throws CloudError `ERR_CLOUD_ARGUMENT` for a partition whose endpoints are not known
 */
export function regionalEndpoint(partition: string, region: string): URL {
  const domain = Object.hasOwn(DOMAINS, partition) ? DOMAINS[partition] : undefined
  if (domain !== undefined) return new URL(`https://sts.${region}.${domain}/`)
  throw new CloudError('ERR_CLOUD_ARGUMENT', `STS of the partition ${partition} is not known: name it by --endpoint`)
}
