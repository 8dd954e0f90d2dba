import { stat } from 'node:fs/promises'
import { readLimited, UpstreamAuthorityError } from '@countersign/plugin-kit'
import {
  type Certificate,
  decodePem,
  parseCertificate,
  parseSpki,
  type SigningKey,
  thumbprintInput,
} from '@countersign/protocol'
import { readPrivateKey } from './private-key-file.ts'

export interface CaFilePaths {
  readonly certFile: string
  readonly keyFile: string
  readonly rootsFile?: string | undefined
}

/** What the files say at one moment: a CA whose key was held against its certificate. Whether it may sign is not asked. */
export interface CaFilesContent {
  readonly key: SigningKey
  /** DER: the CA that signs. */
  readonly ca: Uint8Array
  /** DER: the same, unless it is a root, and what else leads up to one, the root left out. */
  readonly chain: readonly Uint8Array[]
  /** DER. */
  readonly roots: readonly Uint8Array[]
}

const MAX_PEM_BYTES = 262_144

/** The files of a CA, read again when one of them has changed. */
export class CaFiles {
  readonly #paths: CaFilePaths
  #content: { readonly version: string; readonly content: CaFilesContent } | undefined

  constructor(paths: CaFilePaths) {
    this.#paths = paths
  }

  /**
   * @throws UpstreamAuthorityError `ERR_UPSTREAM_AUTHORITY_FILE`, `…_PERMISSIONS`, `…_CERTIFICATE`, `…_KEY`, also while
   *   files are being exchanged one by one
   */
  async read(): Promise<CaFilesContent> {
    // Before the content: what changes in between is read again next time.
    const version = await this.#version()
    if (this.#content?.version === version) return this.#content.content
    const content = await this.#load()
    this.#content = { version, content }
    return content
  }

  async #version(): Promise<string> {
    const { certFile, keyFile, rootsFile } = this.#paths
    const paths = [certFile, keyFile, ...(rootsFile === undefined ? [] : [rootsFile])]
    const versions = paths.map(async (path) => {
      const stats = await stat(path, { bigint: true }).catch((cause) => unreadable(path, cause))
      return [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':')
    })
    return (await Promise.all(versions)).join(' ')
  }

  async #load(): Promise<CaFilesContent> {
    const { certFile, keyFile, rootsFile } = this.#paths
    const key = await readPrivateKey(keyFile)
    const chain = await readCertificates(certFile)
    const [ca] = chain
    if (ca === undefined) throw unusable(certFile, 'holds no certificate')
    if (thumbprintInput(parseSpki(ca.spki)) !== thumbprintInput(key.publicJwk)) {
      throw new UpstreamAuthorityError(
        'ERR_UPSTREAM_AUTHORITY_KEY',
        'upstream key is not that of the first certificate in the upstream certificate file',
        { detail: `${keyFile}, ${certFile}` },
      )
    }
    const roots = rootsFile === undefined ? chain.filter(isSelfIssued) : await readCertificates(rootsFile)
    if (roots.length === 0) {
      throw rootsFile === undefined
        ? unusable(certFile, 'does not end with a root; name one by rootsFile')
        : unusable(rootsFile, 'holds no certificate')
    }
    const isRoot = ({ raw }: Certificate) => roots.some((root) => Buffer.compare(root.raw, raw) === 0)
    return { key, ca: ca.raw, chain: chain.filter((each) => !isRoot(each)).map(rawOf), roots: roots.map(rawOf) }
  }
}

/** @throws UpstreamAuthorityError `ERR_UPSTREAM_AUTHORITY_FILE`, `ERR_UPSTREAM_AUTHORITY_CERTIFICATE` */
async function readCertificates(path: string): Promise<Certificate[]> {
  const { bytes, truncated } = await readLimited(path, MAX_PEM_BYTES).catch((cause) => unreadable(path, cause))
  if (truncated) throw unusable(path, `is longer than ${MAX_PEM_BYTES} bytes`)
  try {
    return decodePem(bytes.toString('latin1')).map(parseCertificate)
  } catch (cause) {
    throw unusable(path, 'does not hold PEM certificates and nothing else', cause)
  }
}

function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return Buffer.compare(subject, issuer) === 0
}

function rawOf({ raw }: Certificate): Uint8Array {
  return raw
}

function unreadable(path: string, cause: NodeJS.ErrnoException): never {
  throw new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_FILE', 'upstream certificate file cannot be read', {
    detail: `${path}: ${cause.code}`,
    cause,
  })
}

function unusable(path: string, reason: string, cause?: unknown): UpstreamAuthorityError {
  const context = cause === undefined ? {} : { cause, detail: String((cause as Error).message) }
  return new UpstreamAuthorityError(
    'ERR_UPSTREAM_AUTHORITY_CERTIFICATE',
    `upstream certificate file "${path}" ${reason}`,
    context,
  )
}
