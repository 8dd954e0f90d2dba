import { decodeBase64url, decodeUtf8, encodeBase64url, encodeUtf8 } from '@countersign/protocol'
import type { Attack } from '../attack.ts'
import { fieldOf, send, withFields } from '../tap.ts'

export const tamperedToken: Attack = {
  name: 'tampered-token',
  title: 'an identity token with its subject changed',
  expectedCode: 'ERR_CREDENTIAL_SIGNATURE',
  run({ captured, ports }) {
    const [header, payload, signature] = fieldOf(captured, 'workload-identity-token').split('.') as [
      string,
      string,
      string,
    ]
    const claims = decodeUtf8(decodeBase64url(payload)).replace('/storefront', '/accounting')
    const tampered = [header, encodeBase64url(encodeUtf8(claims)), signature].join('.')
    return send(ports.orders, withFields(captured, { 'workload-identity-token': tampered }))
  },
}
