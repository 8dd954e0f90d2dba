// A person at a browser, and the portal that they sign in to: an authorization code with PKCE, by openid-client. Prints the
// tokens that the portal gets.
//   customer <issuer> <resource> <redirect uri> <user> <scope>, password and client in PASSWORD and CLIENT_ID
import * as oauth from 'openid-client'

const [issuer, resource, redirectUri, user, scope] = process.argv.slice(2)
const MAX_STEPS = 20

const portal = await oauth.discovery(new URL(issuer), process.env.CLIENT_ID ?? 'portal', undefined, oauth.None())
const verifier = oauth.randomPKCECodeVerifier()
const state = oauth.randomState()
const authorization = oauth.buildAuthorizationUrl(portal, {
  ...{ redirect_uri: redirectUri, scope: `openid ${scope}`, resource, state },
  ...{ code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
})
const callback = await browse(authorization)
const tokens = await oauth.authorizationCodeGrant(
  portal,
  callback,
  { pkceCodeVerifier: verifier, expectedState: state },
  { resource },
)
console.log(JSON.stringify({ accessToken: tokens.access_token, idToken: tokens.id_token }))

/** Follows where it is sent and fills in every form that comes, until it is sent back to the portal. */
async function browse(start) {
  const jar = new Map()
  const open = async (url, init = {}) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { ...init, redirect: 'manual', headers: { ...init.headers, cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      jar.set(name, value)
    }
    return response
  }
  let url = start
  let response = await open(url)
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const location = response.headers.get('location')
    if (location !== null) {
      url = new URL(location, url)
      if (url.href.startsWith(redirectUri)) return url
      response = await open(url)
      continue
    }
    const page = await response.text()
    const [, action] = /<form[^>]* action="([^"]+)"/.exec(page)?.map((text) => text.replaceAll('&amp;', '&')) ?? []
    if (action === undefined) throw new Error(`no form at ${url.pathname}: ${response.status} ${page.slice(0, 300)}`)
    const hidden = [...page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)]
    const body = new URLSearchParams(hidden.map(([, name, value]) => [name, value]))
    if (page.includes('name="password"')) {
      // Each server has its own name for it.
      const [, name = 'username'] = /<input[^>]* type="text"[^>]* name="([^"]+)"/.exec(page) ?? []
      body.set(name, user)
      body.set('password', process.env.PASSWORD ?? 'whatever')
    }
    url = new URL(action, url)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    response = await open(url, { method: 'POST', headers, body: body.toString() })
  }
  throw new Error('signing in does not come to an end')
}
