import { open } from 'node:fs/promises'

/** Reads a file that nobody else may read or replace. @throws the platform's own error, or one that says what is wrong */
export async function readPrivateFile(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { mode, uid } = await file.stat()
    if ((mode & 0o077) !== 0) throw new Error('file is open to other users')
    if (uid !== process.getuid?.()) throw new Error('file belongs to another user')
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
