import { decodeJwt } from 'jose'
import { credentialsForm } from '../support/ask-for-token.ts'
import type { CheckReport } from '../support/check-report.ts'
import { SPIFFE_CLIENT } from './realm.ts'
import { ORDERS, type Scene } from './scene.ts'

/** A workload is a client of Keycloak by its JWT-SVID, which Keycloak verifies with the bundle of our endpoint. */
export async function checkRelyingParty(report: CheckReport, { keycloak, jwtSvid, service }: Scene): Promise<void> {
  const good = await jwtSvid(keycloak.issuer)
  const { verdict, body } = await keycloak.ask(credentialsForm(good, 'jwt-spiffe'))
  const client = verdict === 'granted' ? decodeJwt(String(body['access_token']))['azp'] : undefined
  report.add({
    check: 'Keycloak takes a JWT-SVID as client assertion',
    ok: client === SPIFFE_CLIENT,
    detail: client === undefined ? `${verdict} ${body['error_description']}` : `azp ${client}`,
  })
  for (const [check, form] of [
    ['a JWT-SVID for another audience', credentialsForm(await jwtSvid(ORDERS), 'jwt-spiffe')],
    ['a JWT-SVID for our own token service', credentialsForm(await jwtSvid(service.issuer), 'jwt-spiffe')],
    ['a changed JWT-SVID', credentialsForm(`${good.slice(0, -6)}AAAAAA`, 'jwt-spiffe')],
    ['a JWT-SVID as an assertion of RFC 7523', credentialsForm(good)],
  ] as const) {
    const seen = (await keycloak.ask(form)).verdict
    report.add({
      check: `Keycloak refuses ${check}`,
      ok: /^40[01] (invalid|unauthorized)_client$/.test(seen),
      detail: seen,
    })
  }
}
