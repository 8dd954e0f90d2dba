// Where the user signs in: oidc-provider, with its own login and consent forms. Access tokens are JWTs for one resource, the
// token service of the shop, and name the user's e-mail address.
//   openid-provider <port> <resource> <redirect uri> <file for the PEM root of its certificate>
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { buildCaCertificate, encodePem, issueTlsCertificate, randomSerial, X509Issuer } from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { Provider } from 'oidc-provider'

const [port, resource, redirectUri, rootFile] = process.argv.slice(2)
const pem = (der) => `-----BEGIN PRIVATE KEY-----\n${Buffer.from(der).toString('base64')}\n-----END PRIVATE KEY-----\n`

/** A certificate for 127.0.0.1, under a root of its own. */
async function webCertificate() {
  const now = Math.floor(Date.now() / 1000)
  const times = { notBefore: now - 60, notAfter: now + 3600 }
  const rootKey = generateSigningKey('ES256')
  const root = await buildCaCertificate({
    ...{ key: rootKey, crypto, ...times, serial: randomSerial(crypto) },
    ...{ subject: { commonName: 'Login' }, trustDomain: 'login.example' },
  })
  const key = generateSigningKey('ES256')
  const leaf = await issueTlsCertificate({
    issuer: new X509Issuer({ certificate: root, key: rootKey }),
    publicKeySpki: await crypto.exportSpki(key.publicJwk),
    ...{ dnsNames: [], ipAddresses: ['127.0.0.1'], ...times, serial: randomSerial(crypto) },
  })
  writeFileSync(rootFile, encodePem([root]))
  return { key: pem(key.exportPkcs8()), cert: encodePem([leaf]) }
}

const server = createServer(await webCertificate())
await new Promise((resolve) => server.listen(Number(port), '127.0.0.1', resolve))
const issuer = `https://127.0.0.1:${port}`
const { privateKey } = await globalThis.crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
  'sign',
])
const jwk = await globalThis.crypto.subtle.exportKey('jwk', privateKey)
const provider = new Provider(issuer, {
  jwks: { keys: [{ ...jwk, key_ops: undefined, alg: 'ES256', use: 'sig', kid: 'login-1' }] },
  clients: [
    {
      ...{ client_id: 'portal', token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256' },
      ...{ grant_types: ['authorization_code'], response_types: ['code'], redirect_uris: [redirectUri] },
    },
  ],
  cookies: { keys: [generateSigningKey('ES256').publicJwk.x] },
  pkce: { required: () => true },
  extraTokenClaims: (_, { accountId }) => ({ email: `${accountId}@shop.example` }),
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        ...{ scope: 'orders.read orders.write orders.brief', audience: resource, accessTokenTTL: 600 },
        ...{ accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } },
      }),
    },
  },
})
server.on('request', provider.callback())
console.log(JSON.stringify({ ready: issuer }))
