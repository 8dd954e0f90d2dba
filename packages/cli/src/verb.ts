import { type Command, Option } from 'commander'

export interface About {
  /** One line, lower case, no final period. */
  readonly does: string
  /** A command line, without the leading `countersign`; printed last in `--help`. */
  readonly example: string | readonly string[]
}

const FORMATS: readonly string[] = ['text', 'json']

/** Adds a verb with what every verb has: `--output` and a help text that ends with an example. */
export function addVerb(
  parent: Command,
  nameAndArguments: string,
  about: About,
  moreFormats: readonly string[] = [],
): Command {
  const command = parent
    .command(nameAndArguments)
    .description(about.does)
    .addOption(
      new Option('--output <format>', 'how to print the result').choices([...FORMATS, ...moreFormats]).default('text'),
    )
  return withExample(command, about)
}

/** Adds a noun that holds verbs. */
export function addGroup(program: Command, name: string, about: About): Command {
  return withExample(program.command(name).description(about.does), about)
}

export function withExample(command: Command, about: Pick<About, 'example'>): Command {
  const lines = typeof about.example === 'string' ? [about.example] : about.example
  const title = lines.length === 1 ? 'Example' : 'Examples'
  return command.addHelpText('after', `\n${title}:\n${lines.map((line) => `  $ countersign ${line}`).join('\n')}`)
}
