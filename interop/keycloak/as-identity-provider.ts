import { decodeJwt } from 'jose'
import { askForToken, type TokenReply } from '../support/ask-for-token.ts'
import type { CheckReport } from '../support/check-report.ts'
import { until } from '../support/until.ts'
import { OLD_PORTAL, PORTAL, USER } from './realm.ts'
import { GATEWAY_ID, ORDERS, type Scene } from './scene.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** A user signs in at Keycloak, and a gateway exchanges that token for one that says both. */
export async function checkIdentityProvider(report: CheckReport, scene: Scene): Promise<void> {
  const { access_token: token, id_token: idToken } = await signIn(scene, PORTAL)
  // Keycloak was not there yet when its keys were first asked for.
  const reply = await until(async () => {
    const tried = await exchange(scene, token)
    return tried.status === 200 && tried
  }, 'an exchange that is granted')
  const issued = decodeJwt(String(reply.body['access_token']))
  const actor = (issued['act'] as { sub?: string } | undefined)?.sub
  const { sub } = decodeJwt(token)
  report.add({
    check: "a user's access token of Keycloak for one of ours",
    ok: issued.sub === sub && issued.aud === ORDERS && actor === GATEWAY_ID && issued['scope'] === 'profile',
    detail: `sub as Keycloak's, aud ${issued.aud}, act ${actor}`,
  })
  const bounds = { theirs: decodeJwt(token).exp ?? 0, ours: issued.exp ?? 0 }
  report.add({
    check: "it does not outlive Keycloak's",
    ok: bounds.ours <= bounds.theirs,
    detail: `ends ${bounds.theirs - bounds.ours} s before`,
  })
  const old = await signIn(scene, OLD_PORTAL)
  const admin = await scene.keycloak.ask(
    { grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: scene.secrets.adminPassword },
    'master',
  )
  for (const [check, expected, given] of [
    ['the ID token in its place', '400 invalid_request', exchange(scene, idToken)],
    ['a token that does not say it is an access token', '400 invalid_request', exchange(scene, old.access_token)],
    ['a token of another realm', '400 invalid_request', exchange(scene, String(admin.body['access_token']))],
    ['a changed token', '400 invalid_request', exchange(scene, `${token.slice(0, -6)}AAAAAA`)],
    ['more scope than the user gave', '400 invalid_scope', exchange(scene, token, { scope: 'orders.read' })],
    ['another audience', '400 invalid_target', exchange(scene, token, { audience: 'https://else.example' })],
  ] as const) {
    const { verdict } = await given
    report.add({ check: `refused: ${check}`, ok: verdict === expected, detail: verdict })
  }
}

async function signIn({ keycloak, secrets }: Scene, client: string) {
  const { verdict, body } = await keycloak.ask({
    ...{ grant_type: 'password', scope: 'openid', client_id: client, client_secret: secrets.clientSecret },
    ...{ username: USER, password: secrets.password },
  })
  if (verdict !== 'granted') throw new Error(`${USER} cannot sign in: ${verdict} ${body['error_description']}`)
  return { access_token: String(body['access_token']), id_token: String(body['id_token']) }
}

async function exchange(
  { service, jwtSvid }: Scene,
  token: string,
  form: Readonly<Record<string, string>> = {},
): Promise<TokenReply> {
  return askForToken(
    service.tokenEndpoint,
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      ...{ subject_token: token, subject_token_type: ACCESS_TOKEN, audience: ORDERS },
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
      client_assertion: await jwtSvid(service.issuer),
      ...form,
    },
    service.domain.publicRootFile,
  )
}
