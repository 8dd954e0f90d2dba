import { concatenate, issueCertificate, SERVER_AUTH, toPem, USAGE } from '../certificates.ts'
import type { FakeEndpoint } from '../fake-endpoint.ts'
import { BATCH, type FakeWorld, LEAF, OWN, PARTNER, WEB } from '../fake-world.ts'
import type { Violation, Violations } from './violation.ts'

const on =
  (spoil: (world: FakeWorld) => void | Promise<void>): Violation =>
  ({ world }: FakeEndpoint) =>
    spoil(world)

const leaf = (change: Parameters<FakeWorld['replaceLeaf']>[0]) => on((world) => world.replaceLeaf(change))

/** In the second SVID alone: the first is held against FetchX509Bundles. */
async function replaceRoot(world: FakeWorld, change: Parameters<FakeWorld['root']>[0]): Promise<void> {
  world.changeSvid({ bundle: await world.root(change) }, 1)
}

async function partnerRoot(
  world: FakeWorld,
  change: Partial<Parameters<typeof issueCertificate>[0]>,
): Promise<Uint8Array> {
  const { partnerRoot: root } = world.authorities
  const ca = { isCa: true, keyUsage: USAGE.keyCertSign, notBefore: LEAF.notBefore, notAfter: LEAF.notAfter }
  return (await issueCertificate({ ...ca, subject: 'CN=partner', uris: [PARTNER], ...change }, undefined, root)).der
}

function setFederated(world: FakeWorld, bundle: Uint8Array): void {
  world.x509.federatedBundles = { [PARTNER]: bundle }
}

function setBundle(world: FakeWorld, bundle: Uint8Array): void {
  world.x509Bundles.bundles = { ...world.x509Bundles.bundles, [PARTNER]: bundle }
}

/** In certificates and tokens alike. */
async function renameFirst(world: FakeWorld, spiffeId: string): Promise<void> {
  await world.replaceLeaf({ uris: [spiffeId] })
  world.changeSvid({ spiffeId })
  world.jwtIds = [spiffeId, BATCH]
  world.witIds = [spiffeId, BATCH]
}

export const X509_VIOLATIONS: Violations = {
  'X509-SVIDS-NOT-EMPTY': on((world) => {
    world.x509.svids = []
  }),
  'X509-MANDATORY-FIELDS': on((world) => world.changeSvid({ bundle: new Uint8Array() })),
  'X509-HINT-UNIQUE': on((world) => world.changeSvid({ hint: 'external' })),
  'X509-HINT-LENGTH': on((world) => world.changeSvid({ hint: 'h'.repeat(1025) })),
  'X509-ID-VALID': on(async (world) => {
    const wrong = `${OWN}/web/../other`
    await world.replaceLeaf({ uris: [wrong] })
    world.changeSvid({ spiffeId: wrong })
  }),
  'X509-ID-LENGTH': on((world) => renameFirst(world, `${OWN}/${'a'.repeat(2048)}`)),
  'X509-DER': on((world) => world.changeSvid({ x509Svid: toPem('CERTIFICATE', world.authorities.leaves[0].der) })),
  'X509-LEAF-FIRST': on((world) => {
    const { leaves, intermediate } = world.authorities
    world.changeSvid({ x509Svid: concatenate(intermediate.der, leaves[0].der) })
  }),
  'X509-NO-ROOT': on((world) => {
    const { leaves, intermediate, root } = world.authorities
    world.changeSvid({ x509Svid: concatenate(leaves[0].der, intermediate.der, root.der) })
  }),
  'X509-KEY-PKCS8': on((world) =>
    world.changeSvid({ x509SvidKey: toPem('PRIVATE KEY', world.authorities.leaves[0].privateKey) }),
  ),
  'X509-KEY-MATCHES': on((world) => world.changeSvid({ x509SvidKey: world.authorities.leaves[1].privateKey })),
  'X509-CHAIN': on((world) => world.changeSvid({ x509Svid: world.authorities.leaves[0].der })),
  'X509-SIGNERS': on((world) => world.replaceIntermediate({ keyUsage: USAGE.cRLSign })),
  'X509-SIGNERS-ID': on((world) => world.replaceIntermediate({ uris: [`${OWN}/signer`] })),
  'X509-BUNDLE-DER': on((world) => world.changeSvid({ bundle: toPem('CERTIFICATE', world.authorities.root.der) }, 1)),
  'X509-BUNDLE-CA': on((world) => replaceRoot(world, { keyUsage: USAGE.cRLSign })),
  'X509-BUNDLE-ID': on((world) => replaceRoot(world, { uris: [`${OWN}/root`] })),
  'X509-CRL-DER': on((world) => {
    world.x509.crl = [toPem('X509 CRL', world.authorities.crl)]
  }),
  'X509-ONE-URI': leaf({ uris: [WEB, BATCH] }),
  'X509-ID-MATCHES': leaf({ uris: [`${OWN}/other`] }),
  'X509-CA-FALSE': leaf({ isCa: true }),
  'X509-KEY-USAGE': leaf({ isKeyUsageCritical: false }),
  'X509-DIGITAL-SIGNATURE': leaf({ keyUsage: USAGE.keyAgreement }),
  'X509-NO-CERT-SIGN': leaf({ keyUsage: USAGE.digitalSignature | USAGE.keyCertSign }),
  'X509-EKU-PRESENT': leaf({ extendedKeyUsage: undefined }),
  'X509-EKU-BOTH': leaf({ extendedKeyUsage: [SERVER_AUTH] }),
  'X509-SAN-CRITICAL': leaf({ subject: '' }),
  'X509-NOT-EXPIRED': leaf({ notBefore: LEAF.notBefore - 7_200, notAfter: LEAF.notBefore }),
  'X509-FEDERATED-KEYS': on((world) => {
    world.x509.federatedBundles = { 'partner.example': world.authorities.partnerRoot.der }
  }),
  'X509-FEDERATED-DER': on((world) => setFederated(world, toPem('CERTIFICATE', world.authorities.partnerRoot.der))),
  'X509-FEDERATED-CA': on(async (world) => {
    const root = await partnerRoot(world, { isCa: false })
    setFederated(world, root)
    world.x509Bundles.bundles = { [OWN]: world.authorities.root.der }
  }),
  'X509-FEDERATED-ID': on(async (world) => {
    setFederated(world, await partnerRoot(world, { uris: [`${PARTNER}/root`] }))
    world.x509Bundles.bundles = { [OWN]: world.authorities.root.der }
  }),
  'X509-FEDERATED-FOREIGN': on((world) => {
    world.x509.federatedBundles[OWN] = world.authorities.root.der
  }),
  'XB-OWN': on((world) => {
    world.x509Bundles.bundles = { [PARTNER]: world.authorities.partnerRoot.der }
  }),
  'XB-KEYS': on((world) => {
    world.x509Bundles.bundles = {
      [OWN]: world.authorities.root.der,
      'partner.example': world.authorities.partnerRoot.der,
    }
  }),
  'XB-DER': on((world) => setBundle(world, toPem('CERTIFICATE', world.authorities.partnerRoot.der))),
  'XB-CA': on(async (world) => {
    setBundle(world, await partnerRoot(world, { isCa: false }))
    world.x509.federatedBundles = {}
  }),
  'XB-ID': on(async (world) => {
    setBundle(world, await partnerRoot(world, { uris: [`${PARTNER}/root`] }))
    world.x509.federatedBundles = {}
  }),
  'XB-AGREES': on(async (world) => setBundle(world, await partnerRoot(world, {}))),
}
