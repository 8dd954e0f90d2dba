const PREFIX_BYTES = 5

/** One message as it goes over the wire, not compressed. @see gRPC over HTTP2, "Length-Prefixed-Message" */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, PREFIX_BYTES)
  return frame
}
