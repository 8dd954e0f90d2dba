import type { Battlefield } from '../attack.ts'
import type { CrossingField, Pickpocket, TakenOver } from './crossing-field.ts'
import type { Crossing } from './play-crossing.ts'

/** Lets the attackers between the domains loose. What they tried, the attacks tell one by one. */
export async function gatherField(
  { checkout, accessToken }: Crossing,
  { shop, bank, ports, runProgram }: Pick<Battlefield, 'shop' | 'bank' | 'ports' | 'runProgram'>,
  txnToken: string,
): Promise<CrossingField> {
  const takenOver = await runProgram('taken-over', { TXN_TOKEN: txnToken, USER_TOKEN: accessToken })
  const pickpocket = await runProgram('pickpocket', { TXN_TOKEN: txnToken, ACCESS_TOKEN: String(takenOver['spoils']) })
  return {
    checkout,
    ports,
    servers: { shop: shop.server, bank: bank.server },
    takenOver: takenOver as unknown as TakenOver,
    pickpocket: pickpocket as unknown as Pickpocket,
  }
}
