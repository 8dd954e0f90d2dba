/**
 * What does an RFC 9421 signature of the WIMSE profile cost, on a request with content, beside its one signature? All checks
 * are on: WIT (seen before), audience, times, coverage, content digest, replay. The peer covers the same components and is
 * spared the rest: it neither hashes content nor draws or remembers a nonce.
 */
import { randomBytes, sign, verify } from 'node:crypto'
import {
  AudiencePolicy,
  type HttpRequest,
  HttpSignatureBuilder,
  HttpSignatureVerifier,
  InProcessReplayMemory,
  type ReplayMemory,
  SIGNATURE_TAG,
  type TrustStore,
  WitVerifier,
} from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { createSigner, createVerifier, httpbis } from 'http-message-signatures'
import { ALGORITHMS, AUDIENCE, makeIssuer, NOW, rawKeys } from '../fixtures.ts'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toRow } from '../row.ts'

const REQUESTS = 4096

const TARGETS = {
  ES256: { sign: { toLimit: 0.88, toPeer: 4 }, verify: { toLimit: 0.93, toPeer: 1.65 } },
  EdDSA: { sign: { toLimit: 0.88, toPeer: 2.4 }, verify: { toLimit: 0.93, toPeer: 1.35 } },
} as const

const PEER_ALGORITHMS = { ES256: 'ecdsa-p256-sha256', EdDSA: 'ed25519' } as const

const REQUEST: HttpRequest = {
  method: 'POST',
  target: '/v1/entries?page=2',
  scheme: 'https',
  authority: 'ledger.example.org',
  rawHeaders: [
    ...['Host', 'ledger.example.org', 'User-Agent', 'bench', 'Accept', '*/*', 'Content-Type', 'application/json'],
    ...['Content-Length', '42'],
  ],
  body: Buffer.from('{"account":"a-17","amount":1250,"note":""}'),
}

const FIELDS = ['@method', '@request-target', 'content-type', 'content-digest', 'workload-identity-token']

export async function httpSignature(effort: Effort): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const alg of ALGORITHMS) {
    const { trust, issue } = makeIssuer(alg)
    const workload = generateSigningKey(alg)
    const wit = issue(workload)
    const builder = new HttpSignatureBuilder(wit, workload, nodeCrypto)
    const signRequest = () => builder.signRequest(REQUEST, { now: NOW, audience: AUDIENCE })
    const requests = await Promise.all(
      Array.from({ length: REQUESTS }, async () => ({
        ...REQUEST,
        rawHeaders: [
          ...REQUEST.rawHeaders,
          // The WIT stays one text for all requests: thousands of copies would measure the memory, not the check.
          ...(await signRequest()).rawHeaders.map((text) => (text === wit ? wit : inOnePiece(text))),
        ],
      })),
    )

    const { privateKey, publicKey, digest } = rawKeys(workload)
    // About as long as a signature base of this request.
    const base = randomBytes(wit.length + 500)
    const signature = sign(digest, base, privateKey)

    const peer = makePeer(alg, workload, wit)
    const signed = await peer.sign()
    if ((await peer.verify(signed)) !== true) throw new Error('the peer refuses its own signature')

    const measured = await interleave(
      {
        sign: { run: signRequest },
        rawSign: { run: () => sign(digest, base, privateKey) },
        peerSign: { run: peer.sign, inFlight: 16 },
        verify: { run: makeVerifier(trust, requests) },
        rawVerify: { run: () => verify(digest, base, publicKey, signature) },
        peerVerify: { run: () => peer.verify(signed), inFlight: 16 },
      },
      effort,
    )
    const name = 'http-message-signatures'
    rows.push(
      toRow(
        `RFC 9421 sign, ${alg}`,
        { ours: measured.sign, peer: measured.peerSign, limit: measured.rawSign },
        { peer: name, limit: 'node:crypto sign' },
        TARGETS[alg].sign,
      ),
      toRow(
        `RFC 9421 verify, ${alg}`,
        { ours: measured.verify, peer: measured.peerVerify, limit: measured.rawVerify },
        { peer: name, limit: 'node:crypto verify' },
        TARGETS[alg].verify,
      ),
    )
  }
  return rows
}

/** As a parser of the wire hands it over, in one piece: a text put together from parts would be copied on its first use. */
function inOnePiece(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

/** Every check a product must make; the replay memory starts afresh each time the requests start over. */
function makeVerifier(trust: TrustStore, requests: readonly HttpRequest[]) {
  let memory = new InProcessReplayMemory()
  const replayMemory: ReplayMemory = {
    remember: (key, expiresAt, now, sender) => memory.remember(key, expiresAt, now, sender),
  }
  const verifier = new HttpSignatureVerifier({
    crypto: nodeCrypto,
    wit: new WitVerifier({ trust, crypto: nodeCrypto }),
    audience: new AudiencePolicy({ baseUrls: ['https://ledger.example.org'] }),
    replayMemory,
  })
  let next = 0
  return () => {
    if (next === requests.length) {
      next = 0
      memory = new InProcessReplayMemory()
    }
    return verifier.verifyRequest(requests[next++] as HttpRequest, NOW)
  }
}

function makePeer(alg: (typeof ALGORITHMS)[number], workload: Parameters<typeof rawKeys>[0], wit: string) {
  const name = PEER_ALGORITHMS[alg]
  const { privateKey, publicKey } = rawKeys(workload)
  const key = createSigner(privateKey, name)
  const verifyingKey = { algs: [name], verify: createVerifier(publicKey, name) }
  const request = {
    method: REQUEST.method,
    url: `${REQUEST.scheme}://${REQUEST.authority}${REQUEST.target}`,
    headers: {
      ...{ host: 'ledger.example.org', 'user-agent': 'bench', accept: '*/*', 'content-type': 'application/json' },
      ...{ 'content-length': '42', 'workload-identity-token': wit },
      'content-digest': `sha-256=:${Buffer.from(nodeCrypto.sha256(REQUEST.body ?? '')).toString('base64')}:`,
    },
  }
  const config = {
    ...{ key, name: 'wimse', fields: FIELDS, params: ['created', 'expires', 'nonce', 'tag', 'wimse-aud'] },
    paramValues: {
      ...{ created: new Date(NOW * 1000), expires: new Date((NOW + 36_000) * 1000), tag: SIGNATURE_TAG },
      ...{ nonce: randomBytes(16).toString('base64url'), 'wimse-aud': AUDIENCE },
    },
  }
  return {
    sign: () => httpbis.signMessage(config, request),
    verify: (signed: typeof request) =>
      httpbis.verifyMessage(
        {
          keyLookup: async () => verifyingKey,
          requiredFields: FIELDS,
          requiredParams: ['created', 'expires', 'nonce', 'tag', 'wimse-aud'],
        },
        signed,
      ),
  }
}
