import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import {
  file_workloadapi,
  ReflectionIndex,
  reflectionAlphaMethods,
  reflectionMethods,
  SpiffeWorkloadAPI,
  workloadApiMethods,
} from '@countersign/workload-api'
import { readToken } from '../../conformance/workload-api/artefacts/tokens.ts'
import type { FakeAnswer, FakeRequest } from './fake-request.ts'
import type { FakeWorld } from './fake-world.ts'

const PERMISSION_DENIED = 7
const INVALID_ARGUMENT = 3
const RESOURCE_EXHAUSTED = 8
const UNIMPLEMENTED = 12
const MAX_REQUEST_BYTES = 64 * 1024

export const refuse = (status: number, text = ''): FakeAnswer => ({ messages: [], status, text })
export const invalid = (text: string) => refuse(INVALID_ARGUMENT, text)
export const denied = () => refuse(PERMISSION_DENIED, 'no identity issued')
export const unimplemented = () => refuse(UNIMPLEMENTED, 'not here')

const reflection = new ReflectionIndex([file_workloadapi])
const SERVICE = `/${SpiffeWorkloadAPI.typeName}/`

/** What a server that does everything right answers. */
export function goodAnswer(world: FakeWorld, request: FakeRequest): FakeAnswer {
  const { path } = request
  if ([reflectionMethods, reflectionAlphaMethods].some((each) => each.serverReflectionInfo.path === path)) {
    return reflect(request)
  }
  if (!path.startsWith(SERVICE)) return unimplemented()
  const values = request.valuesOf('workload.spiffe.io')
  const answer = ANSWERS[path.slice(SERVICE.length)]
  if (answer === undefined) return unimplemented()
  if (values.length !== 1 || values[0] !== 'true') return invalid('security header missing')
  if (request.isAnonymous) return denied()
  if (request.message.length > MAX_REQUEST_BYTES) return refuse(RESOURCE_EXHAUSTED)
  return answer(world, request)
}

const stream = (message: Uint8Array): FakeAnswer => ({ messages: [message, message], isOpen: true })

const ANSWERS: Readonly<Record<string, (world: FakeWorld, request: FakeRequest) => FakeAnswer>> = {
  FetchX509SVID: (world) =>
    stream(
      workloadApiMethods.fetchX509SVID.responseSerialize({
        $typeName: 'X509SVIDResponse',
        ...world.x509,
        svids: world.x509.svids.map((svid) => ({ $typeName: 'X509SVID', ...svid })),
      }),
    ),
  FetchX509Bundles: (world) =>
    stream(
      workloadApiMethods.fetchX509Bundles.responseSerialize({ $typeName: 'X509BundlesResponse', ...world.x509Bundles }),
    ),
  FetchJWTBundles: (world) => {
    const bundles = Object.entries(world.jwtBundles).map(([key, bundle]) => [
      key,
      new Uint8Array(Buffer.from(text(bundle))),
    ])
    return stream(
      workloadApiMethods.fetchJWTBundles.responseSerialize({
        $typeName: 'JWTBundlesResponse',
        bundles: Object.fromEntries(bundles),
      }),
    )
  },
  FetchWITBundles: (world) => {
    const bundles = Object.entries(world.witBundles).map(([key, bundle]) => [key, text(bundle)])
    return stream(
      workloadApiMethods.fetchWITBundles.responseSerialize({
        $typeName: 'WITBundlesResponse',
        bundles: Object.fromEntries(bundles),
      }),
    )
  },
  FetchJWTSVID: fetchJwtSvid,
  ValidateJWTSVID: validate,
  FetchWITSVID: fetchWitSvid,
}

function text(bundle: object | string): string {
  return typeof bundle === 'string' ? bundle : JSON.stringify(bundle)
}

function fetchJwtSvid(world: FakeWorld, { message }: FakeRequest): FakeAnswer {
  const request = workloadApiMethods.fetchJWTSVID.requestDeserialize(message)
  if (!('audience' in request)) return invalid('request cannot be decoded')
  const { audience, spiffeId } = request
  if (audience.length === 0 || audience.includes('')) return invalid('audience is missing')
  if (spiffeId !== '' && !spiffeId.startsWith('spiffe://')) return invalid('spiffe_id is not a SPIFFE ID')
  const ids = world.jwtIds.filter((id) => spiffeId === '' || id === spiffeId)
  if (ids.length === 0) return denied()
  const svids = ids.map((id, index) => ({ spiffeId: id, svid: world.mintJwt(id, audience), hint: `hint ${index}` }))
  const served = world.jwtSvids(svids, spiffeId) as typeof svids
  return {
    messages: [
      workloadApiMethods.fetchJWTSVID.responseSerialize({
        $typeName: 'JWTSVIDResponse',
        svids: served.map((svid) => ({ $typeName: 'JWTSVID', ...svid })),
      }),
    ],
  }
}

function fetchWitSvid(world: FakeWorld, { message }: FakeRequest): FakeAnswer {
  const request = workloadApiMethods.fetchWITSVID.requestDeserialize(message)
  if (!('spiffeId' in request)) return invalid('request cannot be decoded')
  const asked = request.spiffeId
  if (asked !== '' && !asked.startsWith('spiffe://')) return invalid('spiffe_id is not a SPIFFE ID')
  const svids = world.witIds
    .map((spiffeId, index) => {
      const { token, key } = world.mintWit(index)
      return { spiffeId, witSvid: token, witSvidKey: key, hint: `hint ${index}` }
    })
    .filter(({ spiffeId }) => asked === '' || spiffeId === asked)
  if (svids.length === 0) return denied()
  const served = world.witSvids(svids, asked) as typeof svids
  return stream(
    workloadApiMethods.fetchWITSVID.responseSerialize({
      $typeName: 'WITSVIDResponse',
      svids: served.map((svid) => ({ $typeName: 'WITSVID', ...svid })),
    }),
  )
}

/** Looks at signature, audience and expiry only, so that a token with another fault passes and its own check is heard. */
function validate(world: FakeWorld, { message }: FakeRequest): FakeAnswer {
  const request = workloadApiMethods.validateJWTSVID.requestDeserialize(message)
  if (!('svid' in request)) return invalid('request cannot be decoded')
  const { audience, svid } = request
  const isBelieved = world.believes(svid, audience)
  if (!isBelieved && (audience === '' || svid === '')) return invalid('audience or svid is missing')
  const token = readToken(svid)
  if (!isBelieved && (token === undefined || !isGood(world, token, audience))) return invalid('token is not valid')
  const claims = { ...token?.claims }
  const answer = {
    spiffeId: String(claims['sub'] ?? 'nobody'),
    claims: { ...claims, aud: [claims['aud'] ?? audience].flat() },
  }
  world.spoilValidation(answer)
  return {
    messages: [
      workloadApiMethods.validateJWTSVID.responseSerialize({
        $typeName: 'ValidateJWTSVIDResponse',
        spiffeId: answer.spiffeId,
        claims: JSON.parse(JSON.stringify(answer.claims)),
      }),
    ],
  }
}

function isGood(world: FakeWorld, token: NonNullable<ReturnType<typeof readToken>>, audience: string): boolean {
  const key = createPublicKey({ key: world.authorities.jwtKey.publicJwk as JsonWebKey, format: 'jwk' })
  const { claims, signature, signingInput } = token
  const isSigned = verify('sha256', Buffer.from(signingInput), { key, dsaEncoding: 'ieee-p1363' }, signature)
  const isCurrent = typeof claims['exp'] !== 'number' || claims['exp'] > world.now - 60
  return isSigned && isCurrent && [claims['aud']].flat().includes(audience)
}

function reflect({ message }: FakeRequest): FakeAnswer {
  const request = reflectionMethods.serverReflectionInfo.requestDeserialize(message)
  if (!('messageRequest' in request)) return invalid('request cannot be decoded')
  return {
    isOpen: true,
    messages: [
      reflectionMethods.serverReflectionInfo.responseSerialize({
        $typeName: 'grpc.reflection.v1.ServerReflectionResponse',
        validHost: '',
        messageResponse: reflection.answer(request.messageRequest),
      }),
    ],
  }
}
