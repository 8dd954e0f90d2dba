export type JsonRecord = { readonly [name: string]: unknown }

export function isJsonObject(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
