import { readProtobufFields } from './protobuf-fields.ts'

/** Field numbers of google/protobuf/descriptor.proto. */
const FILE_SERVICE = 6
const SERVICE_NAME = 1
const SERVICE_METHOD = 2
const METHOD_NAME = 1

/** The names of a service's methods. @param file a serialized FileDescriptorProto without a package */
export function readServiceMethods(file: Uint8Array, service: string): readonly string[] {
  return fieldsOf(file, FILE_SERVICE)
    .filter((octets) => textOf(octets, SERVICE_NAME) === service)
    .flatMap((octets) => fieldsOf(octets, SERVICE_METHOD).map((method) => textOf(method, METHOD_NAME)))
}

function fieldsOf(message: Uint8Array, number: number): readonly Uint8Array[] {
  return (readProtobufFields(message) ?? []).filter((field) => field.number === number).map(({ octets }) => octets)
}

function textOf(message: Uint8Array, number: number): string {
  return Buffer.from(fieldsOf(message, number)[0] ?? []).toString('utf8')
}
