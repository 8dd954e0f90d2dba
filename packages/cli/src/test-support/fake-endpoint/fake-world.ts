import { generateSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { encodeToken } from '@countersign/testing'
import type { X509SVID } from '@countersign/workload-api'
import { NOW } from '../run-cli.ts'
import {
  type CertificateOptions,
  CLIENT_AUTH,
  concatenate,
  createCrl,
  type Issued,
  issueCertificate,
  SERVER_AUTH,
  USAGE,
} from './certificates.ts'

export const OWN = 'spiffe://example.org'
export const PARTNER = 'spiffe://partner.example'
export const WEB = `${OWN}/web`
export const BATCH = `${OWN}/batch`

const DAY = 86_400
const TOKEN_SECONDS = 300

const CA: CertificateOptions = {
  isCa: true,
  keyUsage: USAGE.keyCertSign | USAGE.cRLSign,
  notBefore: NOW - DAY,
  notAfter: NOW + 10 * DAY,
}

export const LEAF: CertificateOptions = {
  subject: 'O=Workload',
  keyUsage: USAGE.digitalSignature,
  extendedKeyUsage: [SERVER_AUTH, CLIENT_AUTH],
  notBefore: NOW - 60,
  notAfter: NOW + 3_600,
}

type X509Fields = Omit<X509SVID, '$typeName' | '$unknown'>

/** What takes long to make and no test changes. */
export interface Authorities {
  readonly root: Issued
  readonly intermediate: Issued
  readonly partnerRoot: Issued
  readonly leaves: readonly [Issued, Issued]
  readonly crl: Uint8Array
  readonly jwtKey: NodeSigningKey
  readonly witKey: NodeSigningKey
  readonly partnerKey: NodeSigningKey
  readonly workloadKeys: readonly [NodeSigningKey, NodeSigningKey]
}

export async function createAuthorities(): Promise<Authorities> {
  const root = await issueCertificate({ ...CA, subject: 'CN=root', uris: [OWN] })
  const intermediate = await issueCertificate({ ...CA, subject: 'CN=intermediate', uris: [OWN] }, root)
  return {
    root,
    intermediate,
    partnerRoot: await issueCertificate({ ...CA, subject: 'CN=partner', uris: [PARTNER] }),
    leaves: [
      await issueCertificate({ ...LEAF, uris: [WEB] }, intermediate),
      await issueCertificate({ ...LEAF, uris: [BATCH] }, intermediate),
    ],
    crl: await createCrl(root, NOW),
    jwtKey: generateSigningKey('ES256', { kid: 'jwt-1' }),
    witKey: generateSigningKey('ES256', { kid: 'wit-1' }),
    partnerKey: generateSigningKey('ES256', { kid: 'partner-1' }),
    workloadKeys: [generateSigningKey('ES256'), generateSigningKey('ES256')],
  }
}

type Jwk = Record<string, unknown>
type Claims = Record<string, unknown>

/** Everything a server serves, good as it is made. A test spoils one thing and sees which check notices. */
export class FakeWorld {
  readonly authorities: Authorities
  now = NOW
  /** Whose tokens are served. */
  jwtIds: readonly string[] = [WEB, BATCH]
  witIds: readonly string[] = [WEB, BATCH]
  x509: { svids: X509Fields[]; crl: Uint8Array[]; federatedBundles: Record<string, Uint8Array> }
  x509Bundles: { crl: Uint8Array[]; bundles: Record<string, Uint8Array> }
  jwtBundles: Record<string, { keys: Jwk[] } | string>
  witBundles: Record<string, { keys: Jwk[] } | string>
  /** Changes header and claims before they are signed. */
  spoilJwt: (token: { header: Claims; claims: Claims; key: NodeSigningKey }, audience: readonly string[]) => void =
    () => {}
  spoilWit: (token: { header: Claims; claims: Claims; key: NodeSigningKey }) => void = () => {}
  jwtSvids: (svids: { spiffeId: string; svid: string; hint: string }[], asked: string) => unknown[] = (svids) => svids
  witSvids: (
    svids: { spiffeId: string; witSvid: string; witSvidKey: string; hint: string }[],
    asked: string,
  ) => unknown[] = (svids) => svids
  /** Accepts tokens that are none. */
  believes: (token: string, audience: string) => boolean = () => false
  /** Changes what is said of a good token. */
  spoilValidation: (answer: { spiffeId: string; claims: Claims }) => void = () => {}
  readonly minted: string[] = []

  constructor(authorities: Authorities) {
    const { root, intermediate, partnerRoot, leaves, crl, jwtKey, witKey, partnerKey } = authorities
    this.authorities = authorities
    const svid = (spiffeId: string, leaf: Issued, hint: string): X509Fields => ({
      spiffeId,
      x509Svid: concatenate(leaf.der, intermediate.der),
      x509SvidKey: leaf.privateKey,
      bundle: root.der,
      hint,
    })
    this.x509 = {
      svids: [svid(WEB, leaves[0], 'internal'), svid(BATCH, leaves[1], 'external')],
      crl: [crl],
      federatedBundles: { [PARTNER]: partnerRoot.der },
    }
    this.x509Bundles = { crl: [crl], bundles: { [OWN]: root.der, [PARTNER]: partnerRoot.der } }
    const jwk = (key: NodeSigningKey, use: string) => ({ ...key.publicJwk, use })
    this.jwtBundles = {
      [OWN]: { keys: [jwk(jwtKey, 'jwt-svid')] },
      [PARTNER]: { keys: [jwk(partnerKey, 'jwt-svid')] },
    }
    this.witBundles = { [OWN]: { keys: [jwk(witKey, 'wit-svid')] } }
  }

  /** Another certificate for the first identity; the rest of its chain stays. */
  async replaceLeaf(change: Partial<CertificateOptions>, issuer = this.authorities.intermediate): Promise<void> {
    const leaf = await issueCertificate({ ...LEAF, uris: [WEB], ...change }, issuer, this.authorities.leaves[0])
    this.changeSvid({ x509Svid: concatenate(leaf.der, this.authorities.intermediate.der) })
  }

  /** Another intermediate, of the same key. */
  async replaceIntermediate(change: Partial<CertificateOptions>): Promise<void> {
    const { root, intermediate, leaves } = this.authorities
    const options = { ...CA, subject: 'CN=intermediate', uris: [OWN], ...change }
    const other = await issueCertificate(options, root, intermediate)
    this.changeSvid({ x509Svid: concatenate(leaves[0].der, other.der) })
  }

  /** Another root, of the same key. */
  async root(change: Partial<CertificateOptions>): Promise<Uint8Array> {
    return (
      await issueCertificate({ ...CA, subject: 'CN=root', uris: [OWN], ...change }, undefined, this.authorities.root)
    ).der
  }

  changeSvid(change: Partial<X509Fields>, index: 0 | 1 = 0): void {
    const svid = this.x509.svids[index]
    if (svid !== undefined) this.x509.svids[index] = { ...svid, ...change }
  }

  mintJwt(spiffeId: string, audience: readonly string[]): string {
    const key = this.authorities.jwtKey
    const token = {
      header: { alg: 'ES256', kid: 'jwt-1', typ: 'JWT' } as Claims,
      claims: { sub: spiffeId, aud: [...audience], iat: this.now, exp: this.now + TOKEN_SECONDS } as Claims,
      key,
    }
    this.spoilJwt(token, audience)
    const text = encodeToken(token.header, token.claims, token.key)
    this.minted.push(text)
    return text
  }

  mintWit(index: number): { token: string; key: string } {
    const workloadKey = this.authorities.workloadKeys[index === 0 ? 0 : 1]
    const token = {
      header: { alg: 'ES256', kid: 'wit-1', typ: 'wit+jwt' } as Claims,
      claims: {
        sub: this.witIds[index],
        exp: this.now + 3_600,
        cnf: { jwk: { ...workloadKey.publicJwk } },
      } as Claims,
      key: this.authorities.witKey,
    }
    this.spoilWit(token)
    return {
      token: encodeToken(token.header, token.claims, token.key),
      key: JSON.stringify(workloadKey.exportJwk()),
    }
  }
}
