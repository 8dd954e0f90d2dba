import { reflectionAlphaMethods, reflectionMethods, SpiffeWorkloadAPI } from '@countersign/workload-api'
import { readServiceMethods } from '../artefacts/service-methods.ts'
import { type Check, must, should, skip } from '../check.ts'
import type { Probe } from '../probe.ts'
import { RPC_NAMES } from '../rpcs.ts'
import { describeAnswer } from '../transport/ending.ts'
import { SECURITY_METADATA } from '../transport/grpc-connection.ts'

type Question = { readonly case: 'listServices' | 'fileContainingSymbol'; readonly value: string }

const { serverReflectionInfo } = reflectionMethods
const PATHS = [serverReflectionInfo.path, reflectionAlphaMethods.serverReflectionInfo.path]

export const REFLECTION_CHECKS: readonly Check[] = [
  should('WE-REFLECTION', {
    title: 'server reflection lists the services, the Workload API among them',
    section: 'SPIFFE Workload Endpoint section 7',
    needs: ['WE-NO-TLS'],
    expected: `a list with ${SpiffeWorkloadAPI.typeName}`,
    async look(probe) {
      const answer = await askReflection(probe, { case: 'listServices', value: '' })
      if (typeof answer === 'string') return answer
      if (answer.case !== 'listServicesResponse') return `an answer of kind ${answer.case}`
      const names = answer.value.service.map(({ name }) => name)
      return names.includes(SpiffeWorkloadAPI.typeName) ? undefined : `a list of ${names.length} other services`
    },
  }),
  must('WA-NOT-EXTENDED', {
    title: 'the Workload API has no methods beyond the standard',
    section: 'SPIFFE Workload API section 2',
    needs: ['WE-REFLECTION'],
    expected: `only ${RPC_NAMES.join(', ')}`,
    async look(probe) {
      const answer = await askReflection(probe, { case: 'fileContainingSymbol', value: SpiffeWorkloadAPI.typeName })
      if (typeof answer === 'string') return skip(`reflection does not describe the service: ${answer}`)
      if (answer.case !== 'fileDescriptorResponse') return skip('reflection does not describe the service')
      const methods = answer.value.fileDescriptorProto.flatMap((file) =>
        readServiceMethods(file, SpiffeWorkloadAPI.typeName),
      )
      const others = methods.filter((name) => !RPC_NAMES.some((known) => known === name))
      return others.length === 0 ? undefined : `also ${others.join(', ')}`
    },
  }),
]

/** By either name of the service; with the security header, which no standard lets a server demand less of. */
async function askReflection(probe: Probe, question: Question) {
  let refusal = ''
  for (const path of PATHS) {
    const request = serverReflectionInfo.requestSerialize({
      $typeName: 'grpc.reflection.v1.ServerReflectionRequest',
      host: '',
      messageRequest: question,
    })
    const call = (await probe.connection()).call(path, undefined, { metadata: SECURITY_METADATA })
    call.write(request)
    const answer = await call.next(probe.patience.answerMs)
    call.cancel()
    if (answer.message !== undefined) return decode(answer.message)
    refusal = describeAnswer(answer)
  }
  return refusal
}

function decode(message: Uint8Array) {
  try {
    return serverReflectionInfo.responseDeserialize(Buffer.from(message)).messageResponse
  } catch {
    return 'a message that is not of server reflection'
  }
}
