import type { Problem } from '../problem.ts'
import { codeSpans, readMarkdown } from './markdown.ts'
import type { Tree } from './tree.ts'

const COMMAND_FOLDER = 'packages/cli/src/commands/'
const PAGES = /^(?:README\.md|CONTRIBUTING\.md|docs\/.+\.md)$/
/** Blocks in these languages hold no command lines; `text` is for what a command prints. */
const NOT_A_SHELL = new Set(['text', 'js', 'ts', 'mjs', 'json', 'yaml', 'go', 'python', 'diff', 'http', 'toml'])
const NPM_SHORTHANDS = ['test', 'start']

const NPM_RUN = /\bnpm run (?:--silent |-s )?([\w:.-]+)/g
const NPM_SHORTHAND = new RegExp(`\\bnpm (${NPM_SHORTHANDS.join('|')})\\b`, 'g')
/** At the beginning of a command: of the line, or after what separates two, or after what runs another. */
const COUNTERSIGN = /(?:^|[$;&|(]|\b(?:npx|sudo|exec)\b|\w=\S*)\s*countersign((?: +[a-z][a-z0-9|-]*)*)/g

/** Every `npm run` script and every verb of the command that a page mentions must exist. */
export function checkMentionedCommands(tree: Tree): Problem[] {
  const scripts = new Set(
    Object.keys((JSON.parse(tree.read('package.json')) as { scripts?: Record<string, string> }).scripts ?? {}),
  )
  const verbs = readVerbs(tree)
  return tree.paths
    .filter((path) => PAGES.test(path))
    .flatMap((file) => {
      const problems: Problem[] = []
      for (const { number: line, text, fence } of readMarkdown(tree.read(file))) {
        for (const command of commandLines(text, fence)) {
          for (const name of mentionedScripts(command)) {
            if (scripts.has(name)) continue
            problems.push({
              file,
              line,
              message: `no script "${name}"`,
              rule: 'mentioned npm scripts are in package.json',
            })
          }
          for (const words of mentionedVerbs(command)) {
            if (exists(verbs, words)) continue
            const message = `no command "countersign ${words.join(' ')}"`
            problems.push({ file, line, message, rule: `mentioned commands are files of ${COMMAND_FOLDER}` })
          }
        }
      }
      return problems
    })
}

/**
 * `entry-create` for `entry-create.ts`: a file that adds a verb is named after it. Words stay joined, because some have a
 * hyphen of their own.
 */
function readVerbs(tree: Tree): ReadonlySet<string> {
  const files = tree.paths.filter((path) => path.startsWith(COMMAND_FOLDER) && !path.endsWith('.test.ts'))
  const adding = files.filter((path) => /\bexport (?:const|function) add[A-Z]/.test(tree.read(path)))
  return new Set(adding.map((path) => path.slice(COMMAND_FOLDER.length, -'.ts'.length)))
}

function commandLines(text: string, fence: string | undefined): readonly string[] {
  if (fence === undefined) return codeSpans(text)
  return NOT_A_SHELL.has(fence) ? [] : [text.replace(/(?:^|\s)#.*$/, '')]
}

function mentionedScripts(command: string): string[] {
  return [NPM_RUN, NPM_SHORTHAND].flatMap((pattern) => [...command.matchAll(pattern)].map((match) => match[1] ?? ''))
}

function mentionedVerbs(command: string): string[][] {
  return [...command.matchAll(COUNTERSIGN)].map((match) => (match[1] ?? '').trim().split(/ +/).filter(Boolean))
}

/**
 * `entry` alone names a noun, `entry create|list` two verbs, `verify token.jwt` a verb and its argument, and
 * `broker x509|jwt fetch` a verb of two nouns below a noun.
 */
function exists(verbs: ReadonlySet<string>, [first, second, third]: readonly string[]): boolean {
  if (first === undefined || first === 'help') return true
  const isNoun = (words: string) => [...verbs].some((verb) => verb.startsWith(`${words}-`))
  if (second === undefined) return first.split('|').every((each) => verbs.has(each) || isNoun(each))
  if (verbs.has(first) && !isNoun(first)) return true
  return second.split('|').every((each) => {
    const words = `${first}-${each}`
    if (verbs.has(words)) return true
    if (third === undefined) return isNoun(words)
    return third.split('|').every((verb) => verbs.has(`${words}-${verb}`))
  })
}
