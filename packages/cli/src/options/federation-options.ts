import type { BundleDocument, FederationChange } from '@countersign/api'
import { parseSpiffeBundle } from '@countersign/protocol'
import { type Command, Option } from 'commander'
import { CliError } from '../cli-error.ts'
import { readFileLimited } from '../files/read-input.ts'
import { readJsonFile } from '../files/read-json.ts'
import { collect } from './collect.ts'
import { parseIdentifier } from './parse-identifier.ts'

const MAX_ROOTS_BYTES = 65_536
const MAX_BUNDLE_BYTES = 4 * 1024 * 1024

/** What the flags of `federation create` and `federation update` become; `false` takes something back. */
export interface FederationOptions {
  readonly endpointUrl?: string
  readonly profile?: FederationChange['profile']
  readonly endpointId?: string
  readonly webRoots?: string | false
  readonly allowAddress?: readonly string[] | false
  readonly bundle?: string
}

/** @param isRequired whether URL and profile must be given: neither is ever inferred from the other */
export function addFederationOptions(command: Command, isRequired: boolean): Command {
  return command
    .addOption(new Option('--endpoint-url <url>', 'https URL of its bundle endpoint').makeOptionMandatory(isRequired))
    .addOption(
      new Option('--profile <profile>', 'how the endpoint proves itself: by the Web PKI, or by an X509-SVID')
        .choices(['https_web', 'https_spiffe'])
        .makeOptionMandatory(isRequired),
    )
    .option('--endpoint-id <spiffe-id>', 'https_spiffe: identifier that the endpoint must prove', parseIdentifier)
    .option('--bundle <file>', 'SPIFFE bundle document to trust until the first fetch')
    .option('--web-roots <file>', "https_web: PEM roots for the endpoint's certificate instead of the public Web PKI")
    .option(
      '--allow-address <range>',
      'address the endpoint may have that is not a public one, as in 127.0.0.1 or 10.0.0.0/8 (repeatable)',
      collect,
    )
}

/** Reads the files that the flags name. The fields of a change that were given, and no others. */
export async function federationFields(
  trustDomain: string,
  options: FederationOptions,
): Promise<Partial<FederationChange>> {
  const { endpointUrl, profile, endpointId, webRoots, allowAddress, bundle } = options
  return {
    ...(endpointUrl === undefined ? {} : { bundleEndpointUrl: endpointUrl }),
    ...(profile === undefined ? {} : { profile }),
    ...(endpointId === undefined ? {} : { endpointSpiffeId: endpointId }),
    ...(webRoots === undefined || webRoots === false ? {} : { webRoots: await readRoots(webRoots) }),
    ...(allowAddress === undefined || allowAddress === false ? {} : { allowedAddresses: [...allowAddress] }),
    ...(bundle === undefined ? {} : { bundle: await readBundle(trustDomain, bundle) }),
  }
}

/** Refuses a file without a certificate, and one with a private key: it would be stored and shown to operators. */
async function readRoots(path: string): Promise<string> {
  const text = (await readFileLimited(path, MAX_ROOTS_BYTES)).toString()
  if (!text.includes('-----BEGIN CERTIFICATE-----') || text.includes('PRIVATE KEY-----')) {
    throw new CliError('ERR_CLI_FILE_MALFORMED', `file ${path} must hold PEM certificates and nothing else`)
  }
  return text
}

async function readBundle(trustDomain: string, path: string): Promise<BundleDocument> {
  const document = await readJsonFile(path, MAX_BUNDLE_BYTES)
  parseSpiffeBundle(trustDomain, document)
  return document as BundleDocument
}
