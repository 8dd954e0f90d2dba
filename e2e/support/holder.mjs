// A program that holds a credential of each kind: says which, until when, and what is refused. It never says the same twice
// in a row, but whatever it is given after its end.
import { createHash, X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectWorkloadApi, splitCertificates, watch } from '@countersign/workload-api'

const POLL_MS = 250
/** On its way from the agent a message may take this long on a busy machine. */
const TRAVEL_SECONDS = 2

const client = connectWorkloadApi({})
const last = new Map()

function say(kind, event) {
  const text = JSON.stringify({ kind, ...event })
  if (last.get(kind) === text) return
  last.set(kind, text)
  process.stdout.write(`${text}\n`)
}

function got(kind, value, end) {
  const late = Date.now() / 1000 - end
  if (late > TRAVEL_SECONDS) process.stdout.write(`${JSON.stringify({ kind, expired: late })}\n`)
  say(kind, { id: createHash('sha256').update(value).digest('hex').slice(0, 16), end })
}

const refusal = ({ code, detail }) => ({ refused: code, why: detail })
const endOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).exp

async function follow(kind, open, read) {
  const onRetry = (error) => say(kind, refusal(error))
  for await (const { svids } of watch(open, { onRetry, backoff: { firstMs: 50, maxMs: 200 } })) {
    got(kind, ...read(svids[0]))
  }
}

async function poll() {
  for (;;) {
    try {
      const { svids } = await client.fetchJwtSvid({ audience: ['https://orders.example'] })
      got('jwt', svids[0].svid, endOf(svids[0].svid))
    } catch (error) {
      say('jwt', refusal(error))
    }
    await sleep(POLL_MS)
  }
}

await Promise.all([
  follow(
    'x509',
    (signal) => client.fetchX509Svid(signal),
    ({ x509Svid }) => {
      const [leaf] = splitCertificates(x509Svid)
      return [leaf, new X509Certificate(leaf).validToDate.getTime() / 1000]
    },
  ),
  follow(
    'wit',
    (signal) => client.fetchWitSvid({}, signal),
    ({ witSvid }) => [witSvid, endOf(witSvid)],
  ),
  poll(),
])
