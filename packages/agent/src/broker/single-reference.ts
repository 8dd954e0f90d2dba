import type { DescMessage } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { BrokerAPI, brokerApiMethods } from '@countersign/workload-api/broker'
import { MalformedRequest } from '@countersign/workload-api/server'

/**
 * The methods of the Broker API, for a server that takes a request with more than one reference for malformed. Protocol
 * Buffers would make one of several, of which each part may come from another.
 *
 * @see SPIFFE Broker API section 3.1.1
 */
export const strictBrokerMethods: typeof brokerApiMethods = {
  subscribeToX509SVID: withSingleReference('subscribeToX509SVID'),
  subscribeToX509Bundles: withSingleReference('subscribeToX509Bundles'),
  fetchJWTSVID: withSingleReference('fetchJWTSVID'),
  subscribeToJWTBundles: withSingleReference('subscribeToJWTBundles'),
}

function withSingleReference<Name extends keyof typeof brokerApiMethods>(name: Name): (typeof brokerApiMethods)[Name] {
  const method = brokerApiMethods[name]
  const schema = BrokerAPI.method[name].input
  return {
    ...method,
    requestDeserialize: (bytes: Buffer) =>
      isUnambiguous(schema, bytes) ? method.requestDeserialize(bytes) : new MalformedRequest(),
  }
}

/**
 * Whether a message has each of its messages once, and so do those in it. `false` also for what is not Protocol Buffers at all.
 *
 * @param schema whose known fields are all strings, octets and messages, as those of a request are down to the packed value
 */
export function isUnambiguous(schema: DescMessage, message: Uint8Array): boolean {
  try {
    const reader = new BinaryReader(message)
    const seen = new Set<number>()
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag()
      const field = schema.fields.find((each) => each.number === number)
      if (field === undefined) {
        reader.skip(type, number)
        continue
      }
      // A decoder reads a known field as what it should be, whatever it is marked as, and would see other fields after it.
      if (type !== WireType.LengthDelimited) return false
      const content = reader.bytes()
      if (field.fieldKind !== 'message') continue
      if (seen.has(number) || !isUnambiguous(field.message, content)) return false
      seen.add(number)
    }
    return true
  } catch {
    return false
  }
}
