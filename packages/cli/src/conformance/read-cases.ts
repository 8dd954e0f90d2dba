import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CliError } from '../cli-error.ts'
import { readJsonFile } from '../files/read-json.ts'
import { isCaseFile, parseCaseFile } from './case-file.ts'
import { ConformanceError } from './conformance-error.ts'
import type { TestCase } from './test-case.ts'

const MAX_FILE_BYTES = 64 * 1024 * 1024

/**
 * Reads the cases of files and folders. A file named by the caller must hold cases; in a folder, other JSON files are
 * passed over.
 *
 * @throws ConformanceError `ERR_CONFORMANCE_FORMAT`, or `ERR_CONFORMANCE_NO_CASES` when a path holds none
 * @throws CliError `ERR_CLI_FILE_*`
 */
export async function readCases(paths: readonly string[]): Promise<readonly TestCase[]> {
  const cases: TestCase[] = []
  const seen = new Set<string>()
  for (const path of paths) {
    const isFolder = await isDirectory(path)
    const files = isFolder ? await jsonFilesBelow(path) : [path]
    let found = 0
    for (const file of files) {
      const document = await readJsonFile(file, MAX_FILE_BYTES)
      if (isFolder && !isCaseFile(document)) continue
      const ofFile = parseCaseFile(document, file)
      found += ofFile.length
      if (!seen.has(file)) cases.push(...ofFile)
      seen.add(file)
    }
    if (found === 0) throw new ConformanceError('ERR_CONFORMANCE_NO_CASES', `${path} holds no conformance cases`)
  }
  return cases
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    throw new CliError('ERR_CLI_FILE_NOT_FOUND', `${path} does not exist`, { cause })
  }
}

/** In a fixed order, so that two runs print the same. */
async function jsonFilesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const files: string[] = []
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) files.push(...(await jsonFilesBelow(path)))
    else if (entry.name.endsWith('.json')) files.push(path)
  }
  return files
}
