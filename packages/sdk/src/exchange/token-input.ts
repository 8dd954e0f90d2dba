import { open } from 'node:fs/promises'
import { errorCode } from '@countersign/protocol'
import { TOKEN_TYPES } from '@countersign/protocol/exchange'
import type { HeldIdentity } from '../identity/held-identity.ts'
import { SdkError } from '../sdk-error.ts'

/**
 * A token that is brought to be exchanged: itself; a file, which a platform replaces from time to time and which is therefore
 * read for each request; or `wit`, this program's own identity token.
 *
 * The name of a file must not come from anybody else: what it holds is sent to the token service.
 */
export type TokenInput =
  | { readonly token: string; readonly type: string }
  | { readonly file: string; readonly type: string }
  | 'wit'

/** A token with its type. */
export interface TypedToken {
  readonly token: string
  readonly type: string
}

/** Above any token; a chain of certificates is smaller as well. */
const MAX_TOKEN_BYTES = 16 * 1024

/** @throws SdkError as {@link readTokenFile}, and as `Workload.identity` for `wit` */
export async function readTokenInput(input: TokenInput, identity: () => HeldIdentity): Promise<TypedToken> {
  if (input === 'wit') return { token: identity().wit, type: TOKEN_TYPES.wit }
  const { type } = input
  return 'file' in input ? { token: await readTokenFile(input.file), type } : { token: input.token, type }
}

/**
 * Reads a file with one token in it.
 *
 * @throws SdkError `ERR_SDK_TOKEN_FILE` when it cannot be read, is larger than 16 KiB or holds something else
 */
export async function readTokenFile(path: string): Promise<string> {
  try {
    const token = (await readStart(path)).trim()
    // Anything with a space in it is something else, and nobody else's business.
    if (/^[!-~]+$/.test(token) && token.length <= MAX_TOKEN_BYTES) return token
  } catch (cause) {
    if (errorCode(cause) !== undefined) throw cause
    throw new SdkError('ERR_SDK_TOKEN_FILE', 'the file of a token cannot be read', { detail: path, cause })
  }
  throw new SdkError('ERR_SDK_TOKEN_FILE', 'a file holds no token', { detail: path })
}

async function readStart(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(MAX_TOKEN_BYTES + 2)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length)
      length += bytesRead
      if (bytesRead === 0 || length === buffer.length) return buffer.toString('latin1', 0, length)
    }
  } finally {
    await file.close()
  }
}
