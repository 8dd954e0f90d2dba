/** A client of the Secret Discovery Service that does as it is told, for tests against a running agent. */
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt'
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { onTestFinished } from 'vitest'
import {
  SecretSchema,
  SPIFFECertValidatorConfigSchema,
} from '../sds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  type Resource,
} from '../sds/gen/envoy/service/discovery/v3/discovery_pb.ts'
import { secretDiscoveryMethods } from '../sds/secret-discovery-service.ts'
import { SECRET_TYPE_URL } from '../sds/secret-resource.ts'

type WorldRequest = MessageInitShape<typeof DiscoveryRequestSchema>
type DeltaRequest = MessageInitShape<typeof DeltaDiscoveryRequestSchema>

/** One stream: what it received, oldest first, and how it ended. */
export interface SdsStream<Request, Response> {
  readonly received: Response[]
  readonly failure: ServiceError | undefined
  send(request: Request): void
  call: ClientDuplexStream<unknown, Response>
}

export function connectSds(socket: string) {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  })
  onTestFinished(() => client.close())
  const { streamSecrets, deltaSecrets, fetchSecrets } = secretDiscoveryMethods
  const open = <Response>(path: string, encode: (value: never) => Buffer, decode: (bytes: Buffer) => Response) => {
    const call = client.makeBidiStreamRequest(path, encode as (value: unknown) => Buffer, decode)
    const stream = { received: [] as Response[], failure: undefined as ServiceError | undefined, call }
    call.on('data', (response: Response) => stream.received.push(response))
    call.on('error', (error: ServiceError) => {
      stream.failure = error
    })
    onTestFinished(() => call.cancel())
    return stream
  }
  return {
    world(): SdsStream<WorldRequest, DiscoveryResponse> {
      const { path, requestSerialize, responseDeserialize } = streamSecrets
      const stream = open(path, requestSerialize, responseDeserialize)
      const send = (request: WorldRequest) =>
        void stream.call.write(create(DiscoveryRequestSchema, { typeUrl: SECRET_TYPE_URL, ...request }))
      return Object.assign(stream, { send })
    },
    delta(): SdsStream<DeltaRequest, DeltaDiscoveryResponse> {
      const { path, requestSerialize, responseDeserialize } = deltaSecrets
      const stream = open(path, requestSerialize, responseDeserialize)
      const send = (request: DeltaRequest) =>
        void stream.call.write(create(DeltaDiscoveryRequestSchema, { typeUrl: SECRET_TYPE_URL, ...request }))
      return Object.assign(stream, { send })
    },
    fetch(request: WorldRequest): Promise<DiscoveryResponse> {
      const { path, requestSerialize, responseDeserialize } = fetchSecrets
      const message = create(DiscoveryRequestSchema, { typeUrl: SECRET_TYPE_URL, ...request })
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          message,
          new Metadata(),
          (error, answer) => (error === null && answer !== undefined ? resolve(answer) : reject(error)),
        )
      })
    },
  }
}

/** What a response holds, by name: the PEM of a certificate chain or roots, roots by trust domain where kept apart. */
export function secretsIn({ resources }: { readonly resources: readonly (Any | Resource)[] }) {
  const anys = resources.map((each) => (each.$typeName === 'google.protobuf.Any' ? each : each.resource))
  return Object.fromEntries(anys.map((any) => readSecret(any as Any)))
}

export interface ReadSecret {
  readonly chain?: string
  readonly key?: string
  readonly roots?: string
  readonly rootsOf?: Readonly<Record<string, string>>
}

function readSecret(any: Any): [string, ReadSecret] {
  const secret = anyUnpack(any, SecretSchema)
  const { name = '', type } = secret ?? {}
  const text = (source?: { readonly specifier: { readonly value?: Uint8Array | undefined } }) =>
    Buffer.from(source?.specifier.value ?? []).toString('latin1')
  if (type?.case === 'tlsCertificate') {
    return [name, { chain: text(type.value.certificateChain), key: text(type.value.privateKey) }]
  }
  if (type?.case !== 'validationContext') throw new Error(`secret "${name}" is ${type?.case}`)
  const { trustedCa, customValidatorConfig } = type.value
  if (customValidatorConfig?.typedConfig === undefined) return [name, { roots: text(trustedCa) }]
  const config = anyUnpack(customValidatorConfig.typedConfig, SPIFFECertValidatorConfigSchema)
  const rootsOf = config?.trustDomains.map((each) => [each.name, text(each.trustBundle)]) ?? []
  return [name, { rootsOf: Object.fromEntries(rootsOf) }]
}
