import type { IncomingMessage } from 'node:http'
import { parseJsonObject, WorkloadIdentityError } from '@countersign/protocol'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { OperatorError } from './operator-error.ts'

const MAX_BODY_BYTES = 4096

/** The body of a request, strictly parsed. @throws OperatorError `ERR_OPERATOR_REQUEST` */
export async function readOperatorBody<Schema extends TSchema>(
  request: IncomingMessage,
  schema: Schema,
): Promise<Static<Schema>> {
  const value = parse(await readText(request))
  if (Value.Check(schema, value)) return value
  const [first] = Value.Errors(schema, value)
  throw new OperatorError('ERR_OPERATOR_REQUEST', 'body does not have the expected shape', {
    detail: `${first?.instancePath ?? ''} ${first?.message ?? ''}`.trim(),
  })
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) {
      throw new OperatorError('ERR_OPERATOR_REQUEST', `body is larger than ${MAX_BODY_BYTES} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return parseJsonObject(text)
  } catch (cause) {
    if (!(cause instanceof WorkloadIdentityError)) throw cause
    throw new OperatorError('ERR_OPERATOR_REQUEST', 'body must be a JSON object', { cause })
  }
}
