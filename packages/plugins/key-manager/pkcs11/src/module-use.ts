import { KeyManagerError } from '@countersign/plugin-kit'
import type { Cryptoki } from './cryptoki/cryptoki.ts'
import { CryptokiError } from './cryptoki/return-value.ts'

interface Loaded {
  readonly cryptoki: Promise<Cryptoki>
  users: number
}

/** A module belongs to the process, whoever uses it: started once, ended when nobody needs it. */
const loaded = new Map<string, Loaded>()

/**
 * Loads and starts a module, or joins those who use it already.
 *
 * @param path of the shared library
 * @throws KeyManagerError `ERR_KEY_MANAGER_MODULE`
 */
export async function useModule(path: string): Promise<Cryptoki> {
  const present = loaded.get(path) ?? { cryptoki: load(path), users: 0 }
  loaded.set(path, present)
  present.users++
  try {
    return await present.cryptoki
  } catch (cause) {
    if (loaded.get(path) === present) loaded.delete(path)
    const detail = cause instanceof CryptokiError ? `${cause.call}: ${cause.returned}` : (cause as Error).message
    throw new KeyManagerError('ERR_KEY_MANAGER_MODULE', `PKCS #11 module "${path}" cannot be used`, { detail, cause })
  }
}

/** Ends the module with its last user. Nothing may be under way in it. */
export async function releaseModule(path: string): Promise<void> {
  const present = loaded.get(path)
  if (present === undefined || --present.users > 0) return
  loaded.delete(path)
  await (await present.cryptoki).finalize()
}

/** Imported only now, so that a server whose keys are elsewhere loads no foreign function interface. */
async function load(path: string): Promise<Cryptoki> {
  const { Cryptoki } = await import('./cryptoki/cryptoki.ts')
  const cryptoki = new Cryptoki(path)
  await cryptoki.initialize()
  return cryptoki
}
