import { create, createRegistry, type DescFile, type Registry, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import {
  type ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from './gen/grpc/reflection/v1/reflection_pb.ts'
import type { BidiStreamingCall } from './grpc-call.ts'
import { type GrpcHandlers, MalformedRequest, type Received } from './grpc-service.ts'
import { GrpcStatus } from './grpc-status.ts'

type Answer = ServerReflectionResponse['messageResponse']
type ReflectionCall = BidiStreamingCall<Received<ServerReflectionRequest>, ServerReflectionResponse>

/** Answers what a reflection request asks about a fixed set of .proto files. */
export class ReflectionIndex {
  readonly #files: ReadonlyMap<string, DescFile>
  readonly #registry: Registry
  readonly #services: readonly string[]

  /** @param files those that declare the server's services; what they import comes along */
  constructor(files: readonly DescFile[]) {
    const all = files.flatMap(withDependencies)
    this.#files = new Map(all.map((file) => [`${file.name}.proto`, file]))
    this.#registry = createRegistry(...all)
    this.#services = files.flatMap((file) => file.services.map((service) => service.typeName)).sort()
  }

  answer(question: ServerReflectionRequest['messageRequest']): Answer {
    switch (question.case) {
      case 'listServices':
        return listServices(this.#services)
      case 'fileByFilename':
        return describe(this.#files.get(question.value))
      case 'fileContainingSymbol':
        return describe(this.#fileOf(question.value))
      case 'fileContainingExtension':
      case 'allExtensionNumbersOfType':
        return refuse(GrpcStatus.NOT_FOUND, 'no extensions')
      default:
        return refuse(GrpcStatus.INVALID_ARGUMENT, 'request asks nothing')
    }
  }

  /** A method, field or value is declared where the type that holds it is. */
  #fileOf(symbol: string): DescFile | undefined {
    const parent = symbol.slice(0, Math.max(0, symbol.lastIndexOf('.')))
    const type = this.#registry.get(symbol)
    if (type !== undefined) return type.file
    const holder = this.#registry.get(parent)
    switch (holder?.kind) {
      case 'service':
        return holder.methods.some((method) => `${parent}.${method.name}` === symbol) ? holder.file : undefined
      case 'message':
        return holder.members.some((member) => `${parent}.${member.name}` === symbol) ? holder.file : undefined
      default:
        return undefined
    }
  }
}

/** Handlers of `grpc.reflection.v1`, and of `v1alpha`, which is the same on the wire. */
export function reflectionHandlers(index: ReflectionIndex): GrpcHandlers<typeof ServerReflection> {
  return { serverReflectionInfo: (call) => answerInOrder(call, index) }
}

function answerInOrder(call: ReflectionCall, index: ReflectionIndex): void {
  call.on('data', (request: Received<ServerReflectionRequest>) => {
    if (request instanceof MalformedRequest) {
      const details = 'request is not a reflection request'
      call.emit('error', Object.assign(new Error(details), { code: GrpcStatus.INVALID_ARGUMENT, details }))
      return
    }
    const response = create(ServerReflectionResponseSchema, {
      validHost: request.host,
      originalRequest: request,
      messageResponse: index.answer(request.messageRequest),
    })
    // A client that asks without reading must not make this server buffer answers.
    if (!call.write(response)) {
      call.pause()
      call.once('drain', () => call.resume())
    }
  })
  call.on('end', () => call.end())
}

function withDependencies(file: DescFile): DescFile[] {
  return [file, ...file.dependencies.flatMap(withDependencies)]
}

function describe(file: DescFile | undefined): Answer {
  if (file === undefined) return refuse(GrpcStatus.NOT_FOUND, 'not declared here')
  const files = [...new Map(withDependencies(file).map((each) => [each.name, each])).values()]
  const fileDescriptorProto = files.map((each) => toBinary(FileDescriptorProtoSchema, each.proto))
  return {
    case: 'fileDescriptorResponse',
    value: { $typeName: 'grpc.reflection.v1.FileDescriptorResponse', fileDescriptorProto },
  }
}

function listServices(names: readonly string[]): Answer {
  const service = names.map((name) => ({ $typeName: 'grpc.reflection.v1.ServiceResponse', name }) as const)
  return { case: 'listServicesResponse', value: { $typeName: 'grpc.reflection.v1.ListServiceResponse', service } }
}

function refuse(errorCode: number, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { $typeName: 'grpc.reflection.v1.ErrorResponse', errorCode, errorMessage } }
}
