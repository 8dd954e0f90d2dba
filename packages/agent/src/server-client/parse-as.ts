import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Value } from 'typebox/value'
import { ServerCallError } from './server-call-error.ts'

/** An answer of the server that is of this shape. @throws ServerCallError `ERR_AGENT_SERVER_RESPONSE` */
export function parseAs<Schema extends TSchema>(schema: Schema, text: string): Static<Schema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ServerCallError('ERR_AGENT_SERVER_RESPONSE', 'answer of the server is not JSON')
  }
  if (!validatorOf(schema).Check(value)) {
    const [first] = Value.Errors(schema, value)
    throw new ServerCallError('ERR_AGENT_SERVER_RESPONSE', 'answer of the server has an unexpected shape', {
      detail: first?.instancePath ?? '',
    })
  }
  return value as Static<Schema>
}

const validators = new WeakMap<TSchema, Validator>()

/** Checking against a schema that is not compiled takes a hundred times as long. */
function validatorOf(schema: TSchema): Validator {
  const validator = validators.get(schema) ?? Compile(schema)
  validators.set(schema, validator)
  return validator
}
