import { createPrivateKey, createPublicKey, randomInt } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  isMlDsaAlgorithm,
  ML_DSA_ALGORITHMS,
  SIGNATURE_ALGORITHMS,
  type SigningKey,
  type TokenAlgorithm,
  type VerificationKey,
} from '@countersign/protocol'
import {
  generateMlDsaSigningKey,
  generateSigningKey,
  nodeCrypto,
  nodeCryptoWith,
} from '@countersign/protocol/keys-node'
import { importSigningKey, webCrypto } from '@countersign/protocol/keys-web'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import { mutate, SeededRandom } from './mutations.ts'
import { OpensslKey } from './openssl.ts'

const VALID_ROUNDS = 8
const MUTATED_ROUNDS = 24
const MAX_MESSAGE_BYTES = 2000
/** Before this release OpenSSL has no ML-DSA. */
const ML_DSA_VERSION = [3, 5] as const

/** What one of our backends signs and verifies with. */
interface Side {
  readonly name: string
  readonly key: SigningKey<TokenAlgorithm>
  readonly verifier: VerificationKey
}

/**
 * Our two backends against the `openssl` command, for every algorithm: each verifies what the other signed, and all give
 * the same verdict on damaged signatures. `COUNTERSIGN_SEED` repeats a run.
 */
export const suite: InteropSuite = {
  async missing({ processes }) {
    return (await versionOf(processes)) === undefined ? 'no openssl command' : undefined
  },

  async run(context) {
    const { processes, report, temporaryFolder } = context
    const version = await versionOf(processes)
    if (version === undefined) throw new Error('openssl has gone')
    const seed = Number(process.env['COUNTERSIGN_SEED'] ?? randomInt(2 ** 31))
    report.add({ check: 'openssl answers', ok: true, detail: `${version.text}, seed ${seed}` })
    const random = new SeededRandom(seed)
    const [major, minor] = version.number
    const hasMlDsa = major > ML_DSA_VERSION[0] || (major === ML_DSA_VERSION[0] && minor >= ML_DSA_VERSION[1])
    for (const alg of [...SIGNATURE_ALGORITHMS, ...ML_DSA_ALGORITHMS]) {
      if (isMlDsaAlgorithm(alg) && !hasMlDsa) {
        report.skip(`openssl-signatures ${alg}`, `openssl ${major}.${minor} has none, 3.5 does`)
        continue
      }
      const folder = join(temporaryFolder, alg)
      await mkdir(folder, { mode: 0o700 })
      await compare(context, alg, folder, random)
    }
  },
}

async function compare(
  { processes, report }: SuiteContext,
  alg: TokenAlgorithm,
  folder: string,
  random: SeededRandom,
): Promise<void> {
  const { pkcs8, sides } = await ourSides(alg)
  const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  const openssl = await OpensslKey.create(processes, folder, alg, {
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicKey: createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString(),
  })
  const wrong: string[] = []
  let valid = 0
  for (let round = 0; round < VALID_ROUNDS; round++) {
    const message = random.bytes(random.next(MAX_MESSAGE_BYTES))
    const theirs = await openssl.sign(message)
    for (const { name, key, verifier } of sides) {
      if (!(await openssl.verify(message, await key.sign(message)))) wrong.push(`openssl refuses ${name}`)
      if (!(await verifier.verify(message, theirs))) wrong.push(`${name} refuses openssl`)
      valid += 2
    }
  }
  report.add({ check: `${alg}: each takes what the other signed`, ok: wrong.length === 0, detail: told(wrong, valid) })

  const differing: string[] = []
  let accepted = 0
  for (let round = 0; round < MUTATED_ROUNDS; round++) {
    const message = random.bytes(1 + random.next(MAX_MESSAGE_BYTES))
    const signature = Uint8Array.from(await at(sides, round).key.sign(message))
    const changed = Uint8Array.from(message)
    const { how, bytes } = round % 6 === 5 ? { how: 'another message', bytes: signature } : mutate(signature, random)
    if (bytes === signature) flipBit(changed, random.next(changed.length))
    const verdict = await openssl.verify(changed, bytes)
    if (verdict) accepted += 1
    for (const { name, verifier } of sides) {
      const own = await verifier.verify(changed, bytes)
      if (own !== verdict) differing.push(`${how}: ${name} says ${own}, openssl ${verdict}`)
    }
  }
  // A byte may be replaced by itself, which leaves a signature that all accept.
  const detail = `${told(differing, MUTATED_ROUNDS)}, ${accepted} accepted by all`
  report.add({ check: `${alg}: all say the same of damaged ones`, ok: differing.length === 0, detail })

  const spelled = await otherSpellings(alg, openssl, sides, random)
  report.add({
    check: `${alg}: one spelling`,
    ok: spelled.wrong.length === 0,
    detail: told(spelled.wrong, spelled.count),
  })
}

/** What a lenient verifier would take: other lengths, and for PSS other salts. Nothing of it may pass. */
async function otherSpellings(alg: TokenAlgorithm, openssl: OpensslKey, sides: readonly Side[], random: SeededRandom) {
  const message = random.bytes(100)
  const signature = [...(await openssl.sign(message))]
  const others = [signature.slice(1), signature.slice(0, -1), [0, ...signature], [...signature, 0], []]
  if (alg.startsWith('PS')) {
    for (const salt of ['0', 'max']) others.push([...(await openssl.sign(message, salt))])
  }
  const wrong: string[] = []
  for (const [index, other] of others.entries()) {
    for (const { name, verifier } of sides) {
      if (await verifier.verify(message, Uint8Array.from(other))) wrong.push(`${name} takes spelling ${index}`)
    }
  }
  return { wrong, count: others.length * sides.length }
}

async function ourSides(alg: TokenAlgorithm): Promise<{ pkcs8: Uint8Array; sides: readonly Side[] }> {
  if (isMlDsaAlgorithm(alg)) {
    const key = generateMlDsaSigningKey(alg)
    const crypto = nodeCryptoWith({ experimentalMlDsa: true })
    const verifier = await crypto.importPublicJwk(key.publicJwk, alg)
    return { pkcs8: key.exportPkcs8(), sides: [{ name: 'keys-node', key, verifier }] }
  }
  const key = generateSigningKey(alg)
  const pkcs8 = key.exportPkcs8()
  const webKey = await importSigningKey({ pkcs8 }, alg)
  return {
    pkcs8,
    sides: [
      { name: 'keys-node', key, verifier: nodeCrypto.importPublicJwk(key.publicJwk, alg) },
      { name: 'keys-web', key: webKey, verifier: await webCrypto.importPublicJwk(key.publicJwk, alg) },
    ],
  }
}

function at(sides: readonly Side[], round: number): Side {
  const side = sides[round % sides.length]
  if (side === undefined) throw new Error('no side')
  return side
}

function flipBit(bytes: Uint8Array, index: number): void {
  bytes[index] = (bytes[index] as number) ^ 1
}

function told(wrong: readonly string[], count: number): string {
  return wrong.length === 0 ? `${count} cases` : `${wrong.length} wrong: ${wrong.slice(0, 3).join('; ')}`
}

async function versionOf(
  processes: SuiteContext['processes'],
): Promise<{ readonly text: string; readonly number: readonly [number, number] } | undefined> {
  try {
    const { exitCode, stdout } = await processes.run('openssl', ['version'], { timeoutMs: 10_000 })
    const match = /^OpenSSL (\d+)\.(\d+)\S*/.exec(stdout)
    if (exitCode !== 0 || match === null) return undefined
    return { text: match[0], number: [Number(match[1]), Number(match[2])] }
  } catch {
    return undefined
  }
}
