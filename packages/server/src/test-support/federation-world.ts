import type { BundleDocument } from '@countersign/api'
import {
  buildCaCertificate,
  decodePem,
  encodeBase64,
  encodePem,
  type JsonObject,
  randomSerial,
} from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import type { FakeClock } from '@countersign/testing'
import { onTestFinished } from 'vitest'
import { createAudit } from '../audit/audit.ts'
import { FederationError } from '../federation/federation-error.ts'
import { Federations } from '../federation/federations.ts'
import type { BundleFetcher, BundleSource } from '../federation/fetch-bundle.ts'
import { BundleStore } from '../store/bundle-store.ts'
import { FederationStore } from '../store/federation-store.ts'
import { RecordingLogger } from './recording-logger.ts'
import { temporaryStore } from './temporary-store.ts'

export const partner = {
  trustDomain: 'partner.example',
  bundleEndpointUrl: 'https://partner.example/bundle',
  profile: 'https_web',
} as const

export const unreachable = () => new FederationError('ERR_FEDERATION_UNREACHABLE', 'bundle endpoint cannot be reached')

export interface FederationWorldOptions {
  readonly random?: () => number
  /** In place of what the test says: a fetcher that really fetches. */
  readonly fetchBundle?: BundleFetcher
}

/** Federations on a store of their own, with partners that answer what the test says. */
export async function openFederations({ random = () => 0.5, fetchBundle }: FederationWorldOptions = {}) {
  const { store, clock } = await temporaryStore()
  const log = new RecordingLogger()
  const world = {
    answer: { keys: [], spiffe_sequence: 1, spiffe_refresh_hint: 60 } as BundleDocument | Error,
    fetches: [] as { source: BundleSource; at: number }[],
    hold: undefined as Promise<void> | undefined,
    signals: [] as AbortSignal[],
    ignoreAbort: undefined as Promise<void> | undefined,
  }
  const bundles = new BundleStore(store)
  const create = () => {
    const federations = new Federations({
      store: new FederationStore(store),
      bundles,
      audit: createAudit(log),
      log,
      clock,
      random,
      trustDomain: 'example.org',
      fetchBundle: async (source, signal) => {
        if (fetchBundle !== undefined) return fetchBundle(source, signal)
        world.fetches.push({ source, at: clock.now() })
        world.signals.push(signal)
        const answer = world.answer
        if (world.ignoreAbort !== undefined) {
          await world.ignoreAbort
          return answer as unknown as JsonObject
        }
        const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        await Promise.race([world.hold, aborted])
        if (signal.aborted)
          throw new FederationError('ERR_FEDERATION_TIMEOUT', 'bundle endpoint did not answer in time')
        if (world.answer instanceof Error) throw world.answer
        return world.answer as unknown as JsonObject
      },
    })
    onTestFinished(() => federations.stop())
    return federations
  }
  return { store, clock, log, world, bundles, create, federations: create() }
}

/** A key of a bundle document. */
export async function anAuthority(clock: FakeClock) {
  const [certificate = new Uint8Array()] = decodePem(await aRoot(clock))
  return { use: 'x509-svid', kty: 'EC', x5c: [encodeBase64(certificate)] }
}

/** PEM. */
export async function aRoot(clock: FakeClock): Promise<string> {
  const certificate = await buildCaCertificate({
    key: generateSigningKey('ES256'),
    crypto,
    subject: { commonName: 'Web root' },
    trustDomain: 'web.example',
    notBefore: clock.now() - 10,
    notAfter: clock.now() + 3600,
    serial: randomSerial(crypto),
  })
  return encodePem([certificate])
}
