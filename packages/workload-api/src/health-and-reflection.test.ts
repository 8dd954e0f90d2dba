import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Client, credentials, type MethodDefinition, status } from '@grpc/grpc-js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { formatGrpcTarget, parseEndpointAddress } from './address.ts'
import {
  file_grpc_health_v1_health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from './gen/grpc/health/v1/health_pb.ts'
import { ServerReflectionRequestSchema } from './gen/grpc/reflection/v1/reflection_pb.ts'
import { file_workloadapi } from './gen/workloadapi_pb.ts'
import { addGrpcService } from './grpc-service.ts'
import { HealthService } from './health.ts'
import { ReflectionIndex, reflectionHandlers } from './reflection.ts'
import { healthMethods, reflectionAlphaMethods, reflectionMethods } from './service.ts'
import { startServer } from './test-support/start-server.ts'

async function start() {
  const health = new HealthService(['', 'SpiffeWorkloadAPI'])
  const handlers = reflectionHandlers(new ReflectionIndex([file_workloadapi, file_grpc_health_v1_health]))
  const address = await startServer({}, (server) => {
    addGrpcService(server, healthMethods, health.handlers)
    addGrpcService(server, reflectionMethods, handlers)
    addGrpcService(server, reflectionAlphaMethods, handlers)
  })
  const client = new Client(formatGrpcTarget(parseEndpointAddress(address)), credentials.createInsecure())
  onTestFinished(() => client.close())
  const unary = <In, Out>(method: MethodDefinition<In, Out>, request: In) =>
    new Promise<Out>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
        error === null ? resolve(answer as Out) : reject(error),
      )
    })
  return { health, client, unary }
}

const check = (service: string) => create(HealthCheckRequestSchema, { service })

describe('health', () => {
  it('tells the state of the names it knows', async () => {
    const { health, unary } = await start()
    expect((await unary(healthMethods.check, check(''))).status).toBe(ServingStatus.NOT_SERVING)
    health.setServing(true)
    expect((await unary(healthMethods.check, check('SpiffeWorkloadAPI'))).status).toBe(ServingStatus.SERVING)
    await expect(unary(healthMethods.check, check('other'))).rejects.toMatchObject({ code: status.NOT_FOUND })
    const { statuses } = await unary(healthMethods.list, { $typeName: 'grpc.health.v1.HealthListRequest' })
    expect(Object.entries(statuses).map(([name, each]) => [name, each.status])).toEqual([
      ['', ServingStatus.SERVING],
      ['SpiffeWorkloadAPI', ServingStatus.SERVING],
    ])
  })

  it('tells watchers of changes and of nothing else', async () => {
    const { health, client } = await start()
    const states: number[] = []
    const { path, requestSerialize, responseDeserialize } = healthMethods.watch
    const watchName = (name: string) => {
      const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, check(name))
      call.on('data', (answer: { status: number }) => states.push(answer.status)).on('error', () => {})
      return call
    }
    const call = watchName('')
    await expect.poll(() => states).toEqual([ServingStatus.NOT_SERVING])
    health.setServing(true)
    health.setServing(true)
    await expect.poll(() => states).toEqual([ServingStatus.NOT_SERVING, ServingStatus.SERVING])
    call.cancel()
    watchName('other')
    await expect.poll(() => states.at(-1)).toBe(ServingStatus.SERVICE_UNKNOWN)
  })

  it('refuses what is no health check', async () => {
    const { unary } = await start()
    const malformed = { ...healthMethods.check, requestSerialize: () => Buffer.from([0x0a, 0xff]) }
    await expect(unary(malformed, check(''))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT })
  })
})

describe('reflection', () => {
  type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest']>

  async function ask(method: typeof reflectionMethods, ...questions: Question[]) {
    const { client } = await start()
    const { path, requestSerialize, responseDeserialize } = method.serverReflectionInfo
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    for (const messageRequest of questions)
      call.write(create(ServerReflectionRequestSchema, { host: 'h', messageRequest }))
    call.end()
    const answers = []
    for await (const answer of call) answers.push(answer.messageResponse)
    return answers
  }

  const names = (value: unknown) =>
    (value as { fileDescriptorProto: Uint8Array[] }).fileDescriptorProto.map(
      (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
    )

  it.each([
    ['v1', reflectionMethods],
    ['v1alpha', reflectionAlphaMethods],
  ])('describes the services under %s', async (_, method) => {
    const [services, bySymbol, byMethod, byField, nested] = await ask(
      method,
      { case: 'listServices', value: '' },
      { case: 'fileContainingSymbol', value: 'SpiffeWorkloadAPI' },
      { case: 'fileContainingSymbol', value: 'SpiffeWorkloadAPI.FetchX509SVID' },
      { case: 'fileContainingSymbol', value: 'X509SVID.hint' },
      { case: 'fileContainingSymbol', value: 'grpc.health.v1.HealthCheckResponse.ServingStatus' },
    )
    expect(services?.value).toMatchObject({
      service: [{ name: 'SpiffeWorkloadAPI' }, { name: 'grpc.health.v1.Health' }],
    })
    for (const answer of [bySymbol, byMethod, byField]) {
      expect(names(answer?.value)).toEqual(['workloadapi.proto', 'google/protobuf/struct.proto'])
    }
    expect(names(nested?.value)).toEqual(['grpc/health/v1/health.proto'])
  })

  it('finds files by name, those that are imported too', async () => {
    const [own, imported] = await ask(
      reflectionMethods,
      { case: 'fileByFilename', value: 'workloadapi.proto' },
      { case: 'fileByFilename', value: 'google/protobuf/struct.proto' },
    )
    expect(names(own?.value)[0]).toBe('workloadapi.proto')
    expect(names(imported?.value)).toEqual(['google/protobuf/struct.proto'])
  })

  it('says so when it does not know, and goes on', async () => {
    const answers = await ask(
      reflectionMethods,
      { case: 'fileContainingSymbol', value: 'Unknown' },
      { case: 'fileContainingSymbol', value: 'X509SVID.unknown' },
      { case: 'fileContainingSymbol', value: '' },
      { case: 'fileByFilename', value: 'unknown.proto' },
      { case: 'allExtensionNumbersOfType', value: 'X509SVID' },
      { case: undefined },
      { case: 'listServices', value: '' },
    )
    expect(answers.slice(0, 5).map((answer) => (answer.value as { errorCode: number }).errorCode)).toEqual([
      5, 5, 5, 5, 5,
    ])
    expect(answers[5]?.value).toMatchObject({ errorCode: status.INVALID_ARGUMENT })
    expect(answers[6]?.case).toBe('listServicesResponse')
  })
})
