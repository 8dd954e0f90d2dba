import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { readArtefact } from '../files/read-artefact.ts'
import type { InspectedField, Inspection } from '../inspect/inspection.ts'
import { type OutputFormat, openOutput, type Page } from '../output.ts'
import { addVerb } from '../verb.ts'

export function addInspect(program: Command, context: CommandContext): void {
  addVerb(program, 'inspect', {
    does: 'decode and explain a token, certificate, key or bundle; verifies nothing',
    example: ['inspect svid.pem', 'jwt fetch --audience a | countersign inspect -'],
  })
    .argument('[input]', 'the text itself, a file name, or - for standard input')
    .action(async (argument: string | undefined, options: { readonly output: OutputFormat }) => {
      const { inspect } = await import('../inspect/inspect.ts')
      const inspection = await inspect(await readArtefact(context, argument), context.clock.now())
      openOutput(context, options).result({ verified: false, ...inspection }, (page) => print(page, inspection))
    })
}

function print(page: Page, { title, parts, warnings }: Inspection): void {
  page.line(`decoded, not verified: ${title}`)
  for (const part of parts) {
    page.line()
    page.line(part.title)
    page.fields(part.fields.map((field) => [`  ${field.name}`, describe(field)]))
  }
  if (warnings.length === 0) return
  page.line()
  page.line('warnings')
  for (const warning of warnings) page.line(`  ${warning}`)
}

function describe({ value, note }: InspectedField): string {
  const shown = typeof value === 'string' ? value : JSON.stringify(value)
  return note === undefined ? shown : `${shown}  (${note})`
}
