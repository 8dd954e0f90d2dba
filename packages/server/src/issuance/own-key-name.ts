const OWN_KEY_NAME = /^(?:x509|jwt|wit|oauth)-[0-9a-f]{32}$/

/** Whether a server made a key of this name for an authority. Other keys are not ours to delete. */
export function isOwnKeyName(name: string): boolean {
  return OWN_KEY_NAME.test(name)
}
