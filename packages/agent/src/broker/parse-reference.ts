import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt'
import {
  KubernetesObjectReferenceSchema,
  WorkloadPIDReferenceSchema,
  type WorkloadReference,
} from '@countersign/workload-api/broker'
import { referenceInvalid } from './workload-rpc-error.ts'

/** A workload as a broker may name it. */
export interface PidReference {
  readonly type: 'pid'
  readonly pid: number
}

/**
 * Reads which workload a request is about: exactly one, of a type that is understood here.
 *
 * The type is the part of the `Any`'s URL after the last slash; what comes before it names a registry of types, of which
 * there is no use here.
 *
 * @throws WorkloadRpcError INVALID_ARGUMENT, `WORKLOAD_REFERENCE_INVALID`
 * @see SPIFFE Broker API sections 3.1 and 4.8
 */
export function parseReference(reference: WorkloadReference | undefined): PidReference {
  const packed = reference?.reference
  if (packed === undefined || packed.typeUrl === '') throw referenceInvalid('the request refers to no workload')
  const typeName = packed.typeUrl.slice(packed.typeUrl.lastIndexOf('/') + 1)
  switch (typeName) {
    case WorkloadPIDReferenceSchema.typeName:
      return parsePid(packed)
    case KubernetesObjectReferenceSchema.typeName:
      throw referenceInvalid('references to Kubernetes objects are not supported by this server')
    default:
      throw referenceInvalid('the type of the reference is not known to this server')
  }
}

function parsePid(packed: Any): PidReference {
  const pid = unpackPid(packed)
  if (pid === undefined || pid <= 0) throw referenceInvalid('the reference is not a process id greater than zero')
  return { type: 'pid', pid }
}

function unpackPid(packed: Any): number | undefined {
  try {
    return anyUnpack(packed, WorkloadPIDReferenceSchema)?.pid
  } catch {
    return undefined
  }
}
