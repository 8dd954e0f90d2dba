/** The functions of a PKCS #11 module, found the way every module has: through C_GetFunctionList. */
import { endianness } from 'node:os'
import koffi from 'koffi'
import { OK } from './constants.ts'
import { WORD_BYTES } from './native-block.ts'
import { CryptokiError } from './return-value.ts'

const WORD = 'unsigned long'
const POINTER = 'void *'

/** Position in CK_FUNCTION_LIST, after the version, and parameters. */
const FUNCTIONS = {
  C_Initialize: [0, POINTER],
  C_Finalize: [1, POINTER],
  C_GetSlotList: [4, 'unsigned char', POINTER, POINTER],
  C_GetTokenInfo: [6, WORD, POINTER],
  C_OpenSession: [12, WORD, WORD, POINTER, POINTER, POINTER],
  C_CloseSession: [13, WORD],
  C_CloseAllSessions: [14, WORD],
  C_Login: [18, WORD, WORD, POINTER, WORD],
  C_DestroyObject: [22, WORD, WORD],
  C_GetAttributeValue: [24, WORD, WORD, POINTER, WORD],
  C_FindObjectsInit: [26, WORD, POINTER, WORD],
  C_FindObjects: [27, WORD, POINTER, WORD, POINTER],
  C_FindObjectsFinal: [28, WORD],
  C_SignInit: [42, WORD, POINTER, WORD],
  C_Sign: [43, WORD, POINTER, WORD, POINTER, POINTER],
  C_GenerateKeyPair: [59, WORD, POINTER, POINTER, WORD, POINTER, WORD, POINTER, POINTER],
} as const satisfies Readonly<Record<string, readonly [position: number, ...parameters: string[]]>>

export type FunctionName = keyof typeof FUNCTIONS

type NativeFunction = { async(...args: unknown[]): void }

/** Modules are written for ordinary threads: OpenSSL in one of them needs more than what asynchronous calls have here. */
const STACK_BYTES = 1024 * 1024
let isStackSet = false

export class FunctionList {
  /** Held only to be held: once it is collected the library is unloaded, whoever has addresses in it. */
  readonly library: unknown
  readonly #functions: ReadonlyMap<FunctionName, NativeFunction>

  private constructor(library: unknown, functions: ReadonlyMap<FunctionName, NativeFunction>) {
    this.library = library
    this.#functions = functions
  }

  /** @throws Error of the dynamic linker, CryptokiError */
  static load(path: string): FunctionList {
    if (endianness() !== 'LE') throw new Error('PKCS #11 modules are supported on little-endian machines')
    if (!isStackSet) koffi.config({ ...koffi.config(), async_stack_size: STACK_BYTES })
    isStackSet = true
    // Its own symbols first: a module brings another OpenSSL than the one that this process exports.
    const library = koffi.load(path, { deep: true })
    const getFunctionList = library.func('unsigned long C_GetFunctionList(_Out_ void **list)')
    const list: [bigint | null] = [null]
    const returned = Number(getFunctionList(list))
    if (returned !== OK || list[0] === null) throw new CryptokiError('C_GetFunctionList', returned)
    const [start] = list
    const functions = Object.entries(FUNCTIONS).map(([name, [position, ...parameters]]) => {
      const address = koffi.decode(start, WORD_BYTES * (1 + position), POINTER)
      if (address === null) throw new Error(`module has no ${name}`)
      return [name as FunctionName, koffi.decode(address, koffi.proto(WORD, parameters)) as NativeFunction] as const
    })
    return new FunctionList(library, new Map(functions))
  }

  /** Calls on a thread of its own: a token may take seconds. @returns a CKR_ value */
  call(name: FunctionName, ...args: readonly (number | bigint | null)[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, returned: number | bigint) =>
        error === null ? resolve(Number(returned)) : reject(error)
      this.#functions.get(name)?.async(...args, done)
    })
  }
}
