import { join } from 'node:path'
import type { CommandContext } from '../command-context.ts'
import { writeFiles } from '../files/write-files.ts'
import { openOutput, type Page } from '../output.ts'
import type { CloudName } from './clouds.ts'
import type { CloudIdentity, IdentityOptions } from './identity-options.ts'

/** One thing to do, and who does it. */
export interface Step {
  readonly title: string
  /** A file that the step is about; without secrets. */
  readonly file?: { readonly name: string; readonly text: string }
  readonly commands?: readonly string[]
}

export interface Setup {
  readonly cloud: CloudName
  readonly identity: CloudIdentity
  readonly audience: string
  readonly steps: readonly Step[]
}

/** Where a file of a step will be, as commands name it. */
export function filePath({ write }: Pick<IdentityOptions, 'write'>, name: string): string {
  return write === undefined ? name : join(write, name)
}

/**
 * Prints the steps in their order, with their files, or writes the files where `--write` says.
 *
 * @throws CliError `ERR_CLI_FILE_NOT_WRITABLE`
 */
export async function presentSetup(context: CommandContext, options: IdentityOptions, setup: Setup): Promise<void> {
  const { identity, steps, ...rest } = setup
  const files = steps.flatMap(({ file }) => file ?? [])
  const written =
    options.write === undefined
      ? []
      : await writeFiles(
          options.write,
          files.map((file) => ({ ...file, isPrivate: false })),
        )
  openOutput(context, options).result({ ...rest, ...identity, steps, written }, (page) => {
    if (identity.checked !== undefined) printCheck(page, identity.checked)
    for (const [index, step] of steps.entries()) {
      if (index > 0) page.line()
      printStep(page, step, index + 1, options)
    }
  })
}

function printCheck(page: Page, { jwksUri, algorithms, refused }: NonNullable<CloudIdentity['checked']>): void {
  page.line(`# Issuer is reachable from here; its keys at ${jwksUri} sign with ${algorithms.join(', ')}.`)
  if (refused.length > 0) {
    page.line(`# Tokens signed with ${refused.join(', ')} are refused: wait until that key has retired.`)
  }
  page.line()
}

function printStep(page: Page, { title, file, commands = [] }: Step, number: number, options: IdentityOptions): void {
  page.line(`# ${number}. ${title}`)
  if (file !== undefined && options.write !== undefined) page.line(`# wrote ${filePath(options, file.name)}`)
  if (file !== undefined && options.write === undefined) {
    page.line(`# ${file.name}:`)
    page.line(file.text.trimEnd())
  }
  for (const command of commands) page.line(command)
}
