import { ConformanceError } from './conformance-error.ts'
import type { JsonValue } from './test-case.ts'

/** Readers of JSON members. Each throws ConformanceError `ERR_CONFORMANCE_FORMAT` that names the place. */
export function requireObject(value: unknown, place: string): JsonValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(place, 'an object')
  return value as JsonValue
}

export function requireArray(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(place, 'an array')
  return value
}

export function requireString(value: unknown, place: string): string {
  if (typeof value !== 'string') throw wrong(place, 'a string')
  return value
}

export function requireStrings(value: unknown, place: string): readonly string[] {
  return requireArray(value, place).map((item, index) => requireString(item, `${place}[${index}]`))
}

export function requireNumber(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(place, 'a number')
  return value
}

export function requireBoolean(value: unknown, place: string): boolean {
  if (typeof value !== 'boolean') throw wrong(place, 'true or false')
  return value
}

export function requireOneOf<T extends string>(value: unknown, allowed: readonly T[], place: string): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) throw wrong(place, allowed.map((name) => `"${name}"`).join(' or '))
  return found
}

/** Applies a reader to a member that may be absent. */
export function optional<T>(value: unknown, place: string, read: (value: unknown, place: string) => T): T | undefined {
  return value === undefined ? undefined : read(value, place)
}

function wrong(place: string, expected: string): ConformanceError {
  return new ConformanceError('ERR_CONFORMANCE_FORMAT', `${place} must be ${expected}`)
}
