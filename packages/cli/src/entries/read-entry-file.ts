import { NewEntry, type Selector } from '@countersign/api'
import { ConfigError, parseConfig, parseConfigText } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import type { CommandContext } from '../command-context.ts'
import { readInput } from '../files/read-input.ts'

/** A hundred thousand entries with room to spare. */
const MAX_FILE_BYTES = 64 * 1024 * 1024

/** As `entry list --output json` writes them: what the server adds is passed over. */
const EntryFile = Type.Object({
  revision: Type.Optional(Type.Integer()),
  entries: Type.Array(
    Type.Object({
      ...NewEntry.properties,
      id: Type.Optional(Type.String()),
      revision: Type.Optional(Type.Integer()),
      createdAt: Type.Optional(Type.Integer()),
    }),
  ),
})

/**
 * Reads entries from YAML or JSON: `{ entries: [...] }`, each as the admin API has it; a selector may also be a text,
 * `unix:uid:1000`.
 *
 * @throws CliError as `readInput`
 * @throws ConfigError `ERR_CONFIG_SYNTAX`, `ERR_CONFIG_UNKNOWN_KEY`, `ERR_CONFIG_INVALID` with the path of what is wrong,
 *   `ERR_CONFIG_VARIABLE`
 */
export async function readEntryFile(context: CommandContext, path: string): Promise<NewEntry[]> {
  const bytes = await readInput(context, path, MAX_FILE_BYTES)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ConfigError('ERR_CONFIG_SYNTAX', `"${path}" is not UTF-8`)
  }
  const { entries } = parseConfig(EntryFile, spellOutSelectors(parseConfigText(text, path, context.env)))
  return entries.map(({ id: _id, revision: _revision, createdAt: _createdAt, ...entry }) => ({ ...entry }))
}

/** Selectors as objects, wherever they are texts. Anything else is left for the schema to judge. */
function spellOutSelectors(file: unknown): unknown {
  const { entries } = (file ?? {}) as { entries?: unknown }
  if (!Array.isArray(entries)) return file
  const spellOut = (entry: unknown) => {
    const { selectors } = (entry ?? {}) as { selectors?: unknown }
    return Array.isArray(selectors) ? { ...(entry as object), selectors: selectors.map(spellOutSelector) } : entry
  }
  return { ...(file as object), entries: entries.map(spellOut) }
}

function spellOutSelector(selector: unknown): unknown {
  if (typeof selector !== 'string') return selector
  const colon = selector.indexOf(':')
  return { type: selector.slice(0, Math.max(colon, 0)), value: selector.slice(colon + 1) } satisfies Selector
}
