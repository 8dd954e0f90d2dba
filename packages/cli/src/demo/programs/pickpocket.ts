/** Another workload of the shop, with an identity of its own: has got hold of tokens that were given to the order service. */
import { connect } from '@countersign/sdk'
import { say, setting } from './listen.ts'
import { askForGrant, payAtLedger } from './token-request.ts'

await using workload = await connect()
const grantForMe = await askForGrant(workload, setting('TXN_TOKEN'))
const tokenOfAnother = await payAtLedger(workload, setting('ACCESS_TOKEN'), '{}')
say({ event: 'answer', attempts: { grantForMe }, tokenOfAnother })
