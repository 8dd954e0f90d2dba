/** Reads the few JSON Schema keywords that decide which keys a configuration may have and what they may hold. */

/** A typebox schema seen as the JSON Schema it is. */
export interface SchemaView {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, SchemaView>>
  readonly patternProperties?: Readonly<Record<string, SchemaView>>
  readonly additionalProperties?: boolean | SchemaView
  readonly items?: SchemaView | readonly SchemaView[]
  readonly anyOf?: readonly SchemaView[]
  readonly allOf?: readonly SchemaView[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string | RegExp
}

/** What is known about the members of one object. */
export interface Members {
  /** Key to the schema of its value. */
  readonly known: ReadonlyMap<string, SchemaView>
  /** The schema of any other key; `true` when such keys hold anything, `undefined` when there may be none. */
  readonly others: SchemaView | true | undefined
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The variants of a union that a value can have been meant as: those whose constants (`kind: "a"`) it does not
 * contradict, or all when it contradicts each. A schema that is no union is its own only variant.
 */
export function variantsFor(schema: SchemaView, value: unknown): readonly SchemaView[] {
  if (schema.anyOf === undefined) return [schema]
  const ofKind = schema.anyOf.filter((variant) => isObjectSchema(variant) === isPlainObject(value))
  const meant = ofKind.filter((variant) => isPlainObject(value) && agreesWithConstants(variant, value))
  return meant.length > 0 ? meant : ofKind
}

/** Every key some variant allows. A key is closed only when each variant closes it. */
export function membersOf(schema: SchemaView, value: unknown): Members {
  const known = new Map<string, SchemaView>()
  let others: SchemaView | true | undefined
  for (const variant of variantsFor(schema, value)) {
    const parts = variant.allOf ?? [variant]
    for (const part of parts) {
      for (const [key, member] of Object.entries(part.properties ?? {})) {
        const earlier = known.get(key)
        known.set(key, earlier === undefined ? member : { anyOf: [earlier, member] })
      }
      others ??= otherMembers(part)
    }
  }
  return { known, others }
}

/** The schema of one list item. */
export function itemSchema(schema: SchemaView, value: unknown, index: number): SchemaView | undefined {
  const items = variantsFor(schema, value).find((variant) => variant.items !== undefined)?.items
  return Array.isArray(items) ? items[index] : (items as SchemaView | undefined)
}

/** An object without `additionalProperties` is closed: in a configuration an unknown key is a typing error. */
function otherMembers(schema: SchemaView): SchemaView | true | undefined {
  const [pattern] = Object.values(schema.patternProperties ?? {})
  if (pattern !== undefined) return pattern
  if (schema.additionalProperties === true) return true
  if (typeof schema.additionalProperties === 'object') return schema.additionalProperties
  return isObjectSchema(schema) ? undefined : true
}

function isObjectSchema(schema: SchemaView): boolean {
  return schema.type === 'object' || schema.properties !== undefined || (schema.allOf?.some(isObjectSchema) ?? false)
}

function agreesWithConstants(variant: SchemaView, value: Record<string, unknown>): boolean {
  return Object.entries(variant.properties ?? {}).every(
    ([key, member]) => member.const === undefined || member.const === value[key],
  )
}
