import { create } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import {
  WorkloadPIDReferenceSchema,
  type WorkloadReference,
  WorkloadReferenceSchema,
} from '../gen/spiffe/broker/brokerapi_pb.ts'

/**
 * Names a process.
 *
 * @param pid as the endpoint's host counts, greater than zero
 */
export function referToPid(pid: number): WorkloadReference {
  return create(WorkloadReferenceSchema, {
    reference: anyPack(WorkloadPIDReferenceSchema, create(WorkloadPIDReferenceSchema, { pid })),
  })
}
