import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Scene } from './scene.ts'

/**
 * Adds a scope to the realm that a client may ask for, by Keycloak's admin API. An import with scopes of its own would leave out
 * those that every realm has.
 */
export async function addScope({ keycloak, secrets, rootsFile }: Scene, name: string, clientId: string): Promise<void> {
  const credentials = { client_id: 'admin-cli', username: 'admin', password: secrets.adminPassword }
  const { body } = await keycloak.ask({ grant_type: 'password', ...credentials }, 'master')
  const ca = await readFile(rootsFile)
  const base = keycloak.issuer.replace('/realms/', '/admin/realms/')
  const admin = (method: string, path: string, content?: object) =>
    new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${body['access_token']}`, 'content-type': 'application/json' }
      const outgoing = request(`${base}${path}`, { method, headers, ca, agent: false }, async (answer) => {
        const { statusCode = 0 } = answer
        const said = await text(answer)
        if (statusCode >= 300) reject(new Error(`Keycloak answers ${statusCode} to ${method} ${path}: ${said}`))
        else resolve(said)
      })
      outgoing.once('error', reject)
      outgoing.end(content && JSON.stringify(content))
    })
  const attributes = { 'include.in.token.scope': 'true', 'display.on.consent.screen': 'false' }
  await admin('POST', '/client-scopes', { name, protocol: 'openid-connect', attributes })
  const idOf = (list: string, isMeant: (each: Readonly<Record<string, unknown>>) => boolean) =>
    (JSON.parse(list) as Readonly<Record<string, unknown>>[]).find(isMeant)?.['id']
  const scope = idOf(await admin('GET', '/client-scopes'), (each) => each['name'] === name)
  const client = idOf(await admin('GET', `/clients?clientId=${clientId}`), () => true)
  await admin('PUT', `/clients/${client}/optional-client-scopes/${scope}`)
}
