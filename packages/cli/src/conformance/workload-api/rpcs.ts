import {
  type JWTBundlesResponse,
  type JWTSVIDResponse,
  SpiffeWorkloadAPI,
  type ValidateJWTSVIDResponse,
  type WITBundlesResponse,
  type WITSVIDResponse,
  workloadApiMethods,
  type X509BundlesResponse,
  type X509SVIDResponse,
} from '@countersign/workload-api'

/** Answers by the name of the RPC. */
export interface Responses {
  readonly FetchX509SVID: X509SVIDResponse
  readonly FetchX509Bundles: X509BundlesResponse
  readonly FetchJWTSVID: JWTSVIDResponse
  readonly FetchJWTBundles: JWTBundlesResponse
  readonly ValidateJWTSVID: ValidateJWTSVIDResponse
  readonly FetchWITSVID: WITSVIDResponse
  readonly FetchWITBundles: WITBundlesResponse
}

export type RpcName = keyof Responses

export const RPC_NAMES = [
  'FetchX509SVID',
  'FetchX509Bundles',
  'FetchJWTSVID',
  'FetchJWTBundles',
  'ValidateJWTSVID',
  'FetchWITSVID',
  'FetchWITBundles',
] as const satisfies readonly RpcName[]

const UNARY: ReadonlySet<RpcName> = new Set(['FetchJWTSVID', 'ValidateJWTSVID'])

/** Of the profile that a server may leave out. SPIFFE Workload API section 7. */
export const OPTIONAL_RPCS: ReadonlySet<RpcName> = new Set(['FetchWITSVID', 'FetchWITBundles'])

export const STREAM_RPCS: readonly RpcName[] = RPC_NAMES.filter((name) => !UNARY.has(name))

export function isUnary(name: RpcName): boolean {
  return UNARY.has(name)
}

export function rpcPath(name: string): string {
  return `/${SpiffeWorkloadAPI.typeName}/${name}`
}

export function encodeJwtSvidRequest(audience: readonly string[], spiffeId = ''): Uint8Array {
  return workloadApiMethods.fetchJWTSVID.requestSerialize({
    $typeName: 'JWTSVIDRequest',
    audience: [...audience],
    spiffeId,
  })
}

export function encodeValidateRequest(audience: string, svid: string): Uint8Array {
  return workloadApiMethods.validateJWTSVID.requestSerialize({ $typeName: 'ValidateJWTSVIDRequest', audience, svid })
}

export function encodeWitSvidRequest(spiffeId: string): Uint8Array {
  return workloadApiMethods.fetchWITSVID.requestSerialize({ $typeName: 'WITSVIDRequest', spiffeId })
}

const DECODERS: { readonly [Name in RpcName]: (bytes: Buffer) => Responses[Name] } = {
  FetchX509SVID: workloadApiMethods.fetchX509SVID.responseDeserialize,
  FetchX509Bundles: workloadApiMethods.fetchX509Bundles.responseDeserialize,
  FetchJWTSVID: workloadApiMethods.fetchJWTSVID.responseDeserialize,
  FetchJWTBundles: workloadApiMethods.fetchJWTBundles.responseDeserialize,
  ValidateJWTSVID: workloadApiMethods.validateJWTSVID.responseDeserialize,
  FetchWITSVID: workloadApiMethods.fetchWITSVID.responseDeserialize,
  FetchWITBundles: workloadApiMethods.fetchWITBundles.responseDeserialize,
}

/** `undefined` when the octets are not that message. */
export function decodeResponse<Name extends RpcName>(name: Name, message: Uint8Array): Responses[Name] | undefined {
  try {
    return DECODERS[name](Buffer.from(message))
  } catch {
    return undefined
  }
}
