import type { EntryList } from '@countersign/api'
import { IdentifierMatcher, WorkloadId } from '@countersign/protocol'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { applyPlan } from '../entries/apply-plan.ts'
import { type EntryPlan, planEntries } from '../entries/plan-entries.ts'
import { readEntryFile } from '../entries/read-entry-file.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput, type Page } from '../output.ts'
import { addVerb } from '../verb.ts'

interface ApplyOptions extends AdminOptions {
  readonly file: string
  readonly dryRun?: true
  readonly prune?: string
  readonly output: OutputFormat
}

/** Longer lists are cut on the terminal; JSON has all of them. */
const MAX_SHOWN = 50

export function addEntryApply(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'apply', {
    does: 'make entries what a file says; applying it again changes nothing',
    example: 'entry apply --file entries.yaml --prune spiffe://example.org/team-a --dry-run',
  })
    .requiredOption('-f, --file <path>', 'YAML or JSON as `entry list --output json` writes it, - for standard input')
    .option('--dry-run', 'show what would be done, and do nothing')
    .option(
      '--prune <spiffe-id>',
      'also delete what the file does not name, of this identifier and those below it',
      parseIdentifier,
    )
  addAdminSocketOption(command).action(async (options: ApplyOptions) => {
    const { prune: root } = options
    const prune = root === undefined ? undefined : IdentifierMatcher.descendantsOf(WorkloadId.parse(root))
    const wanted = await readEntryFile(context, options.file)
    const client = openAdminClient(context, options)
    const { entries, revision } = await client.get<EntryList>('/v1/entries')
    const plan = planEntries(wanted, entries, prune)
    const isDryRun = options.dryRun === true
    if (!isDryRun) {
      const total = plan.create.length + plan.replace.length + plan.delete.length
      await applyPlan(client, plan, revision, (done) => {
        if (context.stderr.isTTY === true)
          context.stderr.write(`\r${done} of ${total} steps${done === total ? '\n' : ''}`)
      })
    }
    openOutput(context, options).result({ ...plan, applied: !isDryRun }, (page) => printPlan(page, plan, isDryRun))
  })
}

function printPlan(page: Page, plan: EntryPlan, isDryRun: boolean): void {
  const rows = [
    ...plan.delete.map(({ spiffeId, id }) => ['delete', spiffeId, id]),
    ...plan.replace.map(({ entry, fields }) => ['change', entry.spiffeId, fields.join(', ')]),
    ...plan.create.map(({ spiffeId, parentId }) => ['create', spiffeId, `on ${parentId}`]),
  ]
  if (rows.length > 0) page.table(['step', 'spiffe id', ''], rows.slice(0, MAX_SHOWN))
  if (rows.length > MAX_SHOWN) page.line(`… and ${rows.length - MAX_SHOWN} more`)
  const counts = `${plan.create.length} to create, ${plan.replace.length} to change, ${plan.delete.length} to delete`
  const done = `${plan.create.length} created, ${plan.replace.length} changed, ${plan.delete.length} deleted`
  page.line(`${isDryRun ? `dry run: ${counts}` : done}, ${plan.unchanged} unchanged`)
}
