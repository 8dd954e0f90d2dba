import { join } from 'node:path'
import type { LoginSettings } from './crossing/token-services.ts'
import { bankTokenService, shopTokenService } from './crossing/token-services.ts'
import type { Places } from './places.ts'
import {
  type DemoTrustDomain,
  startTrustDomain,
  type TrustDomainHost,
  type TrustDomainSettings,
} from './trust-domain.ts'

/**
 * Starts shop and bank, each with a token service.
 *
 * @param onStarted told of each when its server and agent run
 */
export async function startDomains(
  host: TrustDomainHost,
  { publicPorts, urls, issuers }: Places,
  loginRootFile: string,
  onStarted: (domain: DemoTrustDomain) => void,
): Promise<readonly [shop: DemoTrustDomain, bank: DemoTrustDomain]> {
  const login: LoginSettings = { issuer: issuers.login, rootFile: loginRootFile }
  const shopFolder = host.folder.make('shop')
  const shopRoot = join(shopFolder, 'server', 'public-root.pem')
  const shopIsUp = Promise.withResolvers<void>()
  const start = async (name: string, settings: TrustDomainSettings) => {
    const domain = await startTrustDomain(host, name, settings)
    onStarted(domain)
    return domain
  }
  const startedShop = start('shop.example', {
    label: 'shop',
    publicPort: publicPorts.shop,
    tokenService: shopTokenService(shopFolder, issuers.shop, login, issuers.bank),
    serverIsUp: shopIsUp.resolve,
  })
  const startBank = async () => {
    // It asks for the keys of the shop's token service as it starts.
    await Promise.race([shopIsUp.promise, startedShop])
    return start('bank.example', {
      label: 'bank',
      publicPort: publicPorts.bank,
      tokenService: bankTokenService(
        host.folder.make('bank'),
        issuers.bank,
        { issuer: issuers.shop, rootFile: shopRoot },
        urls.ledger,
      ),
    })
  }
  const [shop, bank] = await Promise.allSettled([startedShop, startBank()])
  // Both are waited for, so that one that started beside a failed one is on the stage and gets ended.
  if (shop.status === 'rejected') throw shop.reason
  if (bank.status === 'rejected') throw bank.reason
  return [shop.value, bank.value]
}
