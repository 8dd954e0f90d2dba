/**
 * The shop's order service after somebody took it over: it has its identity, the transaction token of a customer, and tries what
 * it was never meant to do. Prints how each attempt ended, and the spoils.
 */
import { connect } from '@countersign/sdk'
import { say, setting } from './listen.ts'
import { askForGrant, bringGrant, payAtLedger } from './token-request.ts'

await using workload = await connect()
const txnToken = setting('TXN_TOKEN')
const grantFor = async (form: Readonly<Record<string, string>> = {}) =>
  (await askForGrant(workload, txnToken, form)).token ?? ''

const grant = await grantFor()
const spoils = (await bringGrant(workload, grant)).token ?? ''
const replayedGrant = await bringGrant(workload, grant)
const misdirectedGrant = await bringGrant(workload, await grantFor({ resource: setting('OTHER_ISSUER') }))
const userTokenAsGrant = await bringGrant(workload, setting('USER_TOKEN'))
const widerScope = await askForGrant(workload, txnToken, { scope: 'payments.write payments.refund' })
const userTokenAtLedger = await payAtLedger(workload, setting('USER_TOKEN'), '{}')
say({
  event: 'answer',
  spoils,
  attempts: { replayedGrant, misdirectedGrant, userTokenAsGrant, widerScope },
  userTokenAtLedger,
})
