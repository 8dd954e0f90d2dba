/** How the Broker API says more about a refusal than its status: `google.rpc.ErrorInfo` in the call's trailers. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt'
import { Metadata, type status } from '@grpc/grpc-js'
import { ErrorInfoSchema } from '../gen/google/rpc/error_details_pb.ts'
import { StatusSchema } from '../gen/google/rpc/status_pb.ts'

/** @see SPIFFE Broker API section 4.8 */
export type BrokerErrorReason = 'WORKLOAD_REFERENCE_INVALID' | 'WORKLOAD_NOT_FOUND' | 'WORKLOAD_NOT_ENTITLED'

const DOMAIN = 'spiffe.io'
const TRAILER = 'grpc-status-details-bin'
/** What a trailer of an honest server never reaches. */
const MAX_DETAILS_BYTES = 8192

/** The trailers that go with a status. */
export function packErrorInfo(code: status, message: string, reason: BrokerErrorReason): Metadata {
  const info = anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: DOMAIN }))
  const metadata = new Metadata()
  metadata.set(TRAILER, Buffer.from(toBinary(StatusSchema, create(StatusSchema, { code, message, details: [info] }))))
  return metadata
}

/** The reason a server gives, as it wrote it. `undefined` without one that can be read: the status alone counts then. */
export function unpackErrorReason(metadata: Metadata): string | undefined {
  const [value] = metadata.get(TRAILER)
  if (!Buffer.isBuffer(value) || value.length > MAX_DETAILS_BYTES) return undefined
  try {
    const infos = fromBinary(StatusSchema, value).details.flatMap((each) => anyUnpack(each, ErrorInfoSchema) ?? [])
    return infos.find(({ domain }) => domain === DOMAIN)?.reason
  } catch {
    return undefined
  }
}
