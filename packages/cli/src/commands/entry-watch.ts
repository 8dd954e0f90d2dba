import type { EntryEvent, EntryWatchMark } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { followEntries, type WatchedEvent } from '../entries/follow-entries.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { parseRevision } from '../options/parse-revision.ts'
import type { OutputFormat } from '../output.ts'
import { printable } from '../terminal/printable.ts'
import { isoTime } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'

interface WatchOptions extends AdminOptions {
  readonly id?: string
  readonly after?: string
  readonly output: OutputFormat
}

export function addEntryWatch(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'watch', {
    does: 'tell what happens to entries, until interrupted',
    example: [
      'entry watch --id spiffe://example.org/team-a',
      'entry watch --after 4711 --output json | jq -r .spiffeId',
    ],
  })
    .option('--id <spiffe-id>', 'only entries of this identifier and those below it', parseIdentifier)
    .option('--after <revision>', 'begin with what happened after this revision (default: from now on)', parseRevision)
  addAdminSocketOption(command).action(async (options: WatchOptions) => {
    const stop = new AbortController()
    const forget = context.signals.onTerminate(() => stop.abort())
    const print = options.output === 'json' ? printJson : printText
    try {
      await followEntries(openAdminClient(context, options), {
        below: options.id,
        after: options.after,
        signal: stop.signal,
        onEvent: (event) => print(context, event),
        onLost: (reason) => context.stderr.write(`connection is lost (${printable(reason)}), trying again\n`),
      })
    } finally {
      forget()
    }
  })
}

/** One line of JSON for each event; `event` tells a change from a mark and from the news that some were missed. */
function printJson({ stdout }: CommandContext, { name, data }: WatchedEvent): void {
  stdout.write(`${JSON.stringify({ event: name, ...data })}\n`)
}

function printText({ stdout }: CommandContext, { name, data }: WatchedEvent): void {
  if (name === 'mark') return
  stdout.write(`${printable(name === 'change' ? changeText(data) : resyncText(data))}\n`)
}

function changeText({ at, change, spiffeId, id, revision, entry }: EntryEvent): string {
  const parent = entry === undefined ? '' : `  on ${entry.parentId}`
  return `${isoTime(at)}  ${change}  ${spiffeId}${parent}  (entry ${id}, revision ${revision})`
}

function resyncText({ revision }: EntryWatchMark): string {
  return `changes until revision ${revision} are not known any more: list the entries anew`
}
