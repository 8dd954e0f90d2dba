import { readFileSync } from 'node:fs'

/**
 * Names this run of the operating system. What a process has written is not lost when it is killed, but it can be when the
 * system is, so what a file of another run says must have been waited for.
 *
 * @returns `undefined` where nothing tells
 * @see random(4), `/proc/sys/kernel/random/boot_id`
 */
export function readBootId(): string | undefined {
  try {
    const text = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return /^[0-9a-f-]{36}$/.test(text) ? text : undefined
  } catch {
    return undefined
  }
}
