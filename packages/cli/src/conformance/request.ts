import type { ReceivedRequest } from '@countersign/protocol'
import { ConformanceError } from './conformance-error.ts'
import { requireArray, requireObject, requireString, requireStrings } from './shape.ts'

/**
 * A case's request as the product receives one. Scheme and authority are hostile by definition and have no place in it;
 * header order and repetition are kept.
 */
export function parseRequest(value: unknown, place: string): ReceivedRequest {
  const request = requireObject(value, place)
  return {
    target: requireString(request['target'], `${place}.target`),
    rawHeaders: parseRawHeaders(request['headers'], `${place}.headers`),
  }
}

/** Header fields as a flat list, in order and with repetitions. */
export function parseRawHeaders(value: unknown, place: string): readonly string[] {
  return requireArray(value, place).flatMap((header, index) => {
    const pair = requireStrings(header, `${place}[${index}]`)
    if (pair.length === 2) return pair
    throw new ConformanceError('ERR_CONFORMANCE_FORMAT', `${place}[${index}] must be a name and a value`)
  })
}
