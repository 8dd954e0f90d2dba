/**
 * The whole client, as it runs in the pod: no client_id, no secret, no library. It shows the token that the platform wrote
 * into a file, and gets one that the orders API takes.
 */
import { readFile } from 'node:fs/promises'

const { TOKEN_FILE, TOKEN_ENDPOINT, ORDERS_URL } = process.env

const form = new URLSearchParams({
  grant_type: 'client_credentials',
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  // Read each time: the kubelet replaces it before it expires.
  client_assertion: (await readFile(TOKEN_FILE, 'utf8')).trim(),
  scope: 'orders.read',
})
const answer = await fetch(TOKEN_ENDPOINT, { method: 'POST', body: form })
const token = await answer.json()
if (!answer.ok) {
  console.log(`token service: ${answer.status} ${token.error}: ${token.error_description}`)
  process.exit(1)
}
console.log(`token service: ${answer.status} ${token.token_type} token for ${token.expires_in} s, scope ${token.scope}`)
const orders = await fetch(ORDERS_URL, { headers: { authorization: `Bearer ${token.access_token}` } })
console.log(`orders: ${orders.status} ${await orders.text()}`)
process.exitCode = orders.ok ? 0 : 1
