import { CloudError } from './cloud-error.ts'

/** What every shell, and everything that splits a line into words, takes as it is. */
const PLAIN = /^[A-Za-z0-9_.,:/@=+-]+$/
const PLAIN_OR_SPACE = /^[A-Za-z0-9_.,:/@=+ -]+$/

/**
 * A command as one line of a configuration file. AWS' and Google's libraries for Python, Go and Java split it into words, that of AWS
 * for Node hands it to a shell: only what means the same to all of them is let through.
 *
 * @throws CloudError `ERR_CLOUD_ARGUMENT`
 */
export function formatProcessLine(words: readonly string[]): string {
  return words
    .map((word) => {
      if (PLAIN.test(word)) return word
      if (PLAIN_OR_SPACE.test(word)) return `"${word}"`
      throw new CloudError(
        'ERR_CLOUD_ARGUMENT',
        'a command of a credential file may hold letters, digits, spaces and _ . , : / @ = + - only',
        { detail: word.slice(0, 200) },
      )
    })
    .join(' ')
}

/** One command for a POSIX shell, an option on each line. */
export function formatShellCommand(...parts: readonly (readonly string[])[]): string {
  return parts.map((words) => words.map(quoteForShell).join(' ')).join(' \\\n    ')
}

/** A word that a POSIX shell takes as it is. */
export function quoteForShell(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
