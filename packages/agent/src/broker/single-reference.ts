import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { brokerApiMethods } from '@countersign/workload-api/broker'
import { MalformedRequest } from '@countersign/workload-api/server'

/** Field number of the reference in each request, and of the `Any` in the reference. */
const REFERENCE = 1

/**
 * The methods of the Broker API, for a server that takes a request with more than one reference for malformed. Protocol
 * Buffers would make one of several, of which each part may come from another.
 *
 * @see SPIFFE Broker API section 3.1.1
 */
export const strictBrokerMethods: typeof brokerApiMethods = {
  subscribeToX509SVID: withSingleReference(brokerApiMethods.subscribeToX509SVID),
  subscribeToX509Bundles: withSingleReference(brokerApiMethods.subscribeToX509Bundles),
  fetchJWTSVID: withSingleReference(brokerApiMethods.fetchJWTSVID),
  subscribeToJWTBundles: withSingleReference(brokerApiMethods.subscribeToJWTBundles),
}

function withSingleReference<Method extends { requestDeserialize(bytes: Buffer): unknown }>(method: Method): Method {
  return {
    ...method,
    requestDeserialize: (bytes: Buffer) =>
      hasAtMostOneReference(bytes) ? method.requestDeserialize(bytes) : new MalformedRequest(),
  }
}

/** `false` also for what is not Protocol Buffers at all. */
export function hasAtMostOneReference(request: Uint8Array): boolean {
  try {
    const references = fieldsOf(request)
    return references.length <= 1 && references.every((reference) => fieldsOf(reference).length <= 1)
  } catch {
    return false
  }
}

/** All occurrences of the field in a message. */
function fieldsOf(message: Uint8Array): readonly Uint8Array[] {
  const reader = new BinaryReader(message)
  const found: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === REFERENCE && type === WireType.LengthDelimited) found.push(reader.bytes())
    else reader.skip(type, field)
  }
  return found
}
