/** What a shell takes as it stands. */
const PLAIN = /^[A-Za-z0-9_./:=@%+,-]+$/

/** A command line to copy into a shell. Arguments come from names of files, which can hold anything. */
export function shellCommand(args: readonly string[]): string {
  return args.map((arg) => (PLAIN.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`)).join(' ')
}
