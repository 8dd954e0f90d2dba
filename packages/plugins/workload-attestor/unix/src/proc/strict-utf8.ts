const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `undefined` unless the bytes are UTF-8: replacement characters would make two names look like one. */
export function decodeStrictUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}
