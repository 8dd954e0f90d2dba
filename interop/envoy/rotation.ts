import { X509Certificate } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import type { TrustDomainBundle } from '@countersign/api'
import type { CheckReport } from '../support/check-report.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import type { Deployed } from './deployment.ts'
import type { OrdersService } from './orders-service.ts'
import { startTraffic } from './traffic.ts'

const PATIENCE_MS = 110_000
const LOOK_EVERY_MS = 500
/** Traffic goes on for this long after the first authority is gone. */
const AFTERWARDS_MS = 3_000
const HANDSHAKE_TIMEOUT_MS = 5_000
const MIN_RENEWALS = 3

export interface RotationParts {
  readonly report: CheckReport
  readonly domain: InteropTrustDomain
  readonly service: OrdersService
  /** Asked by the variant "state of the world". */
  readonly orders: Deployed
  /** Asked by the incremental one. */
  readonly storefront: Deployed
}

/** Requests through both Envoys while certificates are renewed several times and the authority is replaced. */
export async function checkRotation(parts: RotationParts): Promise<void> {
  const { report, domain, service, orders, storefront } = parts
  const [first] = await rootsOf(domain)
  if (first === undefined) throw new Error('trust domain has no root')
  const roots = new Map([[first.fingerprint256, first]])
  const shownByOrders = new Map<string, X509Certificate>()
  const serials = { orders: new Set<string | undefined>(), storefront: new Set<string | undefined>() }

  const traffic = startTraffic(storefront.port)
  try {
    const deadline = Date.now() + PATIENCE_MS
    for (let isFirstGone = false; !isFirstGone; ) {
      if (Date.now() > deadline) throw new Error('the first authority is still in the bundle')
      const now = await rootsOf(domain)
      for (const root of now) roots.set(root.fingerprint256, root)
      isFirstGone = now.every(({ fingerprint256 }) => fingerprint256 !== first.fingerprint256)
      if (isFirstGone) await pause(AFTERWARDS_MS)
      const shown = await certificateShownAt(orders.port)
      shownByOrders.set(shown.serialNumber, shown)
      serials.orders.add(await orders.envoy.serial())
      serials.storefront.add(await storefront.envoy.serial())
      await pause(LOOK_EVERY_MS)
    }
  } finally {
    await traffic.stop()
  }

  const [failure = 'none'] = traffic.failures
  report.add({
    check: 'envoy: no request fails while certificates and the authority are replaced',
    ok: traffic.requests() > 500 && traffic.failures.length === 0,
    detail: `${traffic.failures.length} of ${traffic.requests()} failed, first: ${failure}`,
  })
  for (const [variant, shown, { envoy }, seen] of [
    ['state of the world', shownByOrders, orders, serials.orders],
    ['delta', service.callers, storefront, serials.storefront],
  ] as const) {
    const authorities = authoritiesOf(shown.values(), roots)
    report.add({
      check: `envoy: ${variant}: new certificates are used, of both authorities`,
      ok: shown.size > MIN_RENEWALS && authorities.size >= 2 && !authorities.has(undefined),
      detail: `${shown.size} certificates on connections, of ${authorities.size} authorities`,
    })
    const [updates, rejected] = [await envoy.stat('update_success$'), await envoy.stat('update_rejected$')]
    report.add({
      check: `envoy: ${variant}: takes every renewal, and rejects no secret`,
      ok: seen.size > MIN_RENEWALS && !seen.has(undefined) && updates > MIN_RENEWALS && rejected === 0,
      detail: `${seen.size} serial numbers in /certs, ${updates} updates, ${rejected} rejected`,
    })
  }
}

async function rootsOf({ admin, name }: InteropTrustDomain): Promise<X509Certificate[]> {
  const { bundle } = await admin<TrustDomainBundle>('GET', `/v1/bundles/${name}`)
  return bundle.keys.flatMap(({ use, x5c }) =>
    use === 'x509-svid' && Array.isArray(x5c) ? [new X509Certificate(Buffer.from(String(x5c[0]), 'base64'))] : [],
  )
}

/** Whose signatures are on these; `undefined` among them for one that is of none. */
function authoritiesOf(
  certificates: Iterable<X509Certificate>,
  roots: ReadonlyMap<string, X509Certificate>,
): ReadonlySet<string | undefined> {
  const signer = (leaf: X509Certificate) => [...roots.values()].find((root) => leaf.verify(root.publicKey))
  return new Set([...certificates].map((leaf) => signer(leaf)?.fingerprint256))
}

/** Of the Envoy at this port, as a stranger sees it: refused later, for want of a certificate of its own. */
function certificateShownAt(port: number): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false, minVersion: 'TLSv1.3' } as const
    const socket = connect(options, () => {
      const certificate = socket.getPeerX509Certificate()
      socket.destroy()
      if (certificate === undefined) reject(new Error('no certificate'))
      else resolve(certificate)
    })
    socket.setTimeout(HANDSHAKE_TIMEOUT_MS, () => socket.destroy(new Error('no handshake')))
    socket.on('error', reject)
  })
}
