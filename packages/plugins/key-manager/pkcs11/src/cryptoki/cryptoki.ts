/** PKCS #11 as far as keys that sign need it: the C calls with their memory, one method for what belongs together. */
import { ATTRIBUTE_BYTES, type Template, templateBytes, writeAttribute, writeTemplate } from './attributes.ts'
import { OK, OS_LOCKING_OK, SESSION_FLAGS, USER } from './constants.ts'
import { FunctionList, type FunctionName } from './function-list.ts'
import { NativeBlock, WORD_BYTES, withBlock } from './native-block.ts'
import { CryptokiError } from './return-value.ts'

export interface TokenInfo {
  readonly label: string
  /** CKF_ bits. */
  readonly flags: number
}

/** Handles of one key pair. */
export interface KeyPair {
  readonly publicKey: number
  readonly privateKey: number
}

const LABEL_BYTES = 32
/** Of CK_TOKEN_INFO: label, manufacturer, model and serial number come before. */
const TOKEN_FLAGS_OFFSET = 96
const TOKEN_INFO_BYTES = 256
const MAX_SLOTS = 256
/** Asked for at once, and as often as there are more. */
const FOUND_AT_ONCE = 64
const MAX_FOUND = 4096
/** Of one attribute: a modulus of 8192 bits, and a label of any sensible length. */
const MAX_VALUE_BYTES = 1024
const MAX_SIGNATURE_BYTES = 1024

export class Cryptoki {
  readonly #functions: FunctionList

  /** @throws Error of the dynamic linker, CryptokiError */
  constructor(path: string) {
    this.#functions = FunctionList.load(path)
  }

  /**
   * For use by several threads, with the locks of the operating system.
   *
   * @returns false when this process had initialized the module already
   */
  async initialize(): Promise<boolean> {
    const block = new NativeBlock(6 * WORD_BYTES)
    try {
      block.writeWord(4 * WORD_BYTES, OS_LOCKING_OK)
      await this.#call('C_Initialize', block.address)
      return true
    } catch (error) {
      if (error instanceof CryptokiError && error.returned === 'CKR_CRYPTOKI_ALREADY_INITIALIZED') return false
      throw error
    } finally {
      block.free()
    }
  }

  async finalize(): Promise<void> {
    await this.#call('C_Finalize', null)
  }

  /** Slots with a token in them. */
  slots(): Promise<number[]> {
    return withBlock((1 + MAX_SLOTS) * WORD_BYTES, async (block) => {
      block.writeWord(0, MAX_SLOTS)
      await this.#call('C_GetSlotList', 1, block.addressAt(WORD_BYTES), block.address)
      return readWords(block, WORD_BYTES, Math.min(block.readWord(0), MAX_SLOTS))
    })
  }

  tokenInfo(slot: number): Promise<TokenInfo> {
    return withBlock(TOKEN_INFO_BYTES, async (block) => {
      await this.#call('C_GetTokenInfo', slot, block.address)
      // Padded with blanks, not ended by a zero.
      const label = block.bytes.toString('utf8', 0, LABEL_BYTES).replace(/[ \0]+$/, '')
      return { label, flags: block.readWord(TOKEN_FLAGS_OFFSET) }
    })
  }

  openSession(slot: number): Promise<number> {
    return withBlock(WORD_BYTES, async (block) => {
      const flags = SESSION_FLAGS.SERIAL_SESSION | SESSION_FLAGS.RW_SESSION
      await this.#call('C_OpenSession', slot, flags, null, null, block.address)
      return block.readWord(0)
    })
  }

  async closeSession(session: number): Promise<void> {
    await this.#call('C_CloseSession', session)
  }

  /** Of this process, and with them its login. */
  async closeAllSessions(slot: number): Promise<void> {
    await this.#call('C_CloseAllSessions', slot)
  }

  /** For all sessions of this process with the token. */
  login(session: number, pin: Uint8Array): Promise<void> {
    return withBlock(pin.length, async (block) => {
      block.bytes.set(pin)
      await this.#call('C_Login', session, USER, block.address, pin.length)
    })
  }

  /** Handles of the objects that have all the attributes. */
  async find(session: number, template: Template): Promise<number[]> {
    await withBlock(templateBytes(template), async (block) => {
      writeTemplate(block, 0, template)
      await this.#call('C_FindObjectsInit', session, block.address, template.length)
    })
    try {
      return await withBlock((1 + FOUND_AT_ONCE) * WORD_BYTES, (block) => this.#findAll(session, block))
    } finally {
      await this.#call('C_FindObjectsFinal', session)
    }
  }

  async #findAll(session: number, block: NativeBlock): Promise<number[]> {
    const found: number[] = []
    while (found.length < MAX_FOUND) {
      await this.#call('C_FindObjects', session, block.addressAt(WORD_BYTES), FOUND_AT_ONCE, block.address)
      const count = Math.min(block.readWord(0), FOUND_AT_ONCE)
      if (count === 0) break
      found.push(...readWords(block, WORD_BYTES, count))
    }
    return found
  }

  /** Values in the order they were asked for, each at most 1 KiB. */
  attributes(session: number, object: number, attributes: readonly number[]): Promise<Buffer[]> {
    const values = attributes.length * ATTRIBUTE_BYTES
    return withBlock(values + attributes.length * MAX_VALUE_BYTES, async (block) => {
      for (const [index, attribute] of attributes.entries()) {
        const address = block.addressAt(values + index * MAX_VALUE_BYTES)
        writeAttribute(block, index * ATTRIBUTE_BYTES, attribute, address, MAX_VALUE_BYTES)
      }
      await this.#call('C_GetAttributeValue', session, object, block.address, attributes.length)
      return attributes.map((_, index) => {
        const start = values + index * MAX_VALUE_BYTES
        const length = Math.min(block.readWord(index * ATTRIBUTE_BYTES + 2 * WORD_BYTES), MAX_VALUE_BYTES)
        return Buffer.from(block.bytes.subarray(start, start + length))
      })
    })
  }

  generateKeyPair(session: number, mechanism: number, pub: Template, priv: Template): Promise<KeyPair> {
    const mechanismBytes = 3 * WORD_BYTES
    const handlesBytes = 2 * WORD_BYTES
    const size = mechanismBytes + handlesBytes + templateBytes(pub) + templateBytes(priv)
    return withBlock(size, async (block) => {
      block.writeWord(0, mechanism)
      const pubAt = mechanismBytes + handlesBytes
      const privAt = writeTemplate(block, pubAt, pub)
      writeTemplate(block, privAt, priv)
      await this.#call(
        'C_GenerateKeyPair',
        session,
        block.address,
        ...[block.addressAt(pubAt), pub.length],
        ...[block.addressAt(privAt), priv.length],
        ...[block.addressAt(mechanismBytes), block.addressAt(mechanismBytes + WORD_BYTES)],
      )
      const [publicKey = 0, privateKey = 0] = readWords(block, mechanismBytes, 2)
      return { publicKey, privateKey }
    })
  }

  /** Nobody else may use the session until it is done. */
  sign(session: number, mechanism: number, privateKey: number, data: Uint8Array): Promise<Uint8Array> {
    const dataAt = 4 * WORD_BYTES
    const signatureAt = dataAt + data.length
    return withBlock(signatureAt + MAX_SIGNATURE_BYTES, async (block) => {
      block.writeWord(0, mechanism)
      block.writeWord(3 * WORD_BYTES, MAX_SIGNATURE_BYTES)
      block.bytes.set(data, dataAt)
      await this.#call('C_SignInit', session, block.address, privateKey)
      const length = block.addressAt(3 * WORD_BYTES)
      await this.#call('C_Sign', session, block.addressAt(dataAt), data.length, block.addressAt(signatureAt), length)
      const end = signatureAt + Math.min(block.readWord(3 * WORD_BYTES), MAX_SIGNATURE_BYTES)
      return Uint8Array.from(block.bytes.subarray(signatureAt, end))
    })
  }

  async destroy(session: number, object: number): Promise<void> {
    await this.#call('C_DestroyObject', session, object)
  }

  async #call(name: FunctionName, ...args: readonly (number | bigint | null)[]): Promise<void> {
    const returned = await this.#functions.call(name, ...args)
    if (returned !== OK) throw new CryptokiError(name, returned)
  }
}

function readWords(block: NativeBlock, offset: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => block.readWord(offset + index * WORD_BYTES))
}
