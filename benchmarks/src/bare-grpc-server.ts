/** A gRPC server that answers every call of one method with the same octets: what a call costs at least. */
import { Server, ServerCredentials } from '@grpc/grpc-js'

/** About as long as an answer with one JWT-SVID. */
const ANSWER = Buffer.alloc(420, 0x61)

const [path = '', socket = ''] = process.argv.slice(2)
const same = (bytes: Buffer) => bytes
const server = new Server({ 'grpc.enable_channelz': 0 })
const method = {
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
} as const
server.addService(
  { call: method },
  { call: (_: unknown, answer: (error: null, bytes: Buffer) => void) => answer(null, ANSWER) },
)
server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error
  process.send?.('ready')
})
