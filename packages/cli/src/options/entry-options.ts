import { CLEARABLE_ENTRY_FIELDS, type EntryChange, type Selector } from '@countersign/api'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { collect } from './collect.ts'
import { parseDuration } from './parse-duration.ts'
import { collectTrustDomain, parseIdentifier } from './parse-identifier.ts'
import { collectSelector } from './parse-selector.ts'
import { parseTime } from './parse-time.ts'

/** What the flags of `entry create` and `entry update` become. */
export interface EntryOptions {
  readonly id?: string
  readonly parent?: string
  readonly selector?: readonly Selector[]
  readonly x509SvidTtl?: number
  readonly jwtSvidTtl?: number
  readonly witTtl?: number
  readonly dns?: readonly string[]
  readonly hint?: string
  readonly admin?: boolean
  readonly downstream?: boolean
  readonly federatesWith?: readonly string[]
  readonly expiresAt?: number
  readonly clear?: readonly (typeof CLEARABLE_ENTRY_FIELDS)[number][]
}

/** Flags for everything that an entry needs not have. */
export function addOptionalEntryOptions(command: Command): Command {
  return command
    .option('--x509-svid-ttl <duration>', 'lifetime of X509-SVIDs, as in 3600 or 1h', parseDuration)
    .option('--jwt-svid-ttl <duration>', 'lifetime of JWT-SVIDs', parseDuration)
    .option('--wit-ttl <duration>', 'lifetime of WITs', parseDuration)
    .option('--dns <name>', 'DNS name for the X509-SVID (repeatable)', collect)
    .option('--hint <text>', 'tells the workload which of its identities this is')
    .option(
      '--federates-with <trust-domain>',
      'trust domain whose bundle the workload gets (repeatable)',
      collectTrustDomain,
    )
    .option('--expires-at <time>', 'when the entry ends, as in 2026-12-31T23:59:59Z', parseTime)
}

/** `--clear`, for fields that an entry need not have. */
export function addClearOption(command: Command): Command {
  const collectField = (text: string, previous: readonly string[] = []) => {
    const field = CLEARABLE_ENTRY_FIELDS.find((name) => name === text)
    if (field === undefined) throw new InvalidArgumentError(`Expected one of ${CLEARABLE_ENTRY_FIELDS.join(', ')}.`)
    return [...previous, field]
  }
  return command.option('--clear <field>', 'take a field away, as in expiresAt (repeatable)', collectField)
}

/** Flags for everything that an entry must have. */
export function addRequiredEntryOptions(command: Command, isRequired: boolean): Command {
  return command
    .addOption(
      new Option('--id <spiffe-id>', "the workload's identifier")
        .argParser(parseIdentifier)
        .makeOptionMandatory(isRequired),
    )
    .addOption(
      new Option('--parent <spiffe-id>', 'agent, or node alias, whose programs it is for').argParser(parseIdentifier),
    )
    .addOption(
      new Option('--selector <type:value>', 'what the program must be (repeatable; all must hold)')
        .argParser(collectSelector)
        .makeOptionMandatory(isRequired),
    )
}

/** The fields that flags named, and no others. */
export function entryFields(options: EntryOptions): EntryChange {
  return {
    ...(options.id === undefined ? {} : { spiffeId: options.id }),
    ...(options.parent === undefined ? {} : { parentId: options.parent }),
    ...(options.selector === undefined ? {} : { selectors: [...options.selector] }),
    ...(options.x509SvidTtl === undefined ? {} : { x509SvidTtl: options.x509SvidTtl }),
    ...(options.jwtSvidTtl === undefined ? {} : { jwtSvidTtl: options.jwtSvidTtl }),
    ...(options.witTtl === undefined ? {} : { witTtl: options.witTtl }),
    ...(options.dns === undefined ? {} : { dnsNames: [...options.dns] }),
    ...(options.hint === undefined ? {} : { hint: options.hint }),
    ...(options.admin === undefined ? {} : { admin: options.admin }),
    ...(options.downstream === undefined ? {} : { downstream: options.downstream }),
    ...(options.federatesWith === undefined ? {} : { federatesWith: [...options.federatesWith] }),
    ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
    ...Object.fromEntries((options.clear ?? []).map((field) => [field, null])),
  }
}
