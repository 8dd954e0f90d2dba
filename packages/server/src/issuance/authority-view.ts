import { X509Certificate } from 'node:crypto'
import type { AuthorityView } from '@countersign/api'
import type { AuthorityRequest } from '../store/authority-request-store.ts'
import type { Authority, RevokedAuthority } from '../store/authority-store.ts'

/** What an operator is shown of an authority, without how far things are with it. */
export function authorityView({ id, kind, state, notBefore, notAfter, taintedAt, upstream }: Authority): AuthorityView {
  return {
    ...{ id, kind, state, notBefore, notAfter },
    ...(taintedAt !== undefined && { taintedAt }),
    ...(upstream !== undefined && { root: describeRoot(upstream.root) }),
  }
}

export function requestView({ id, createdAt, endsAt }: AuthorityRequest): AuthorityView {
  return { id, kind: 'x509', state: 'requested', notBefore: createdAt, notAfter: endsAt }
}

export function revokedView(revoked: RevokedAuthority): AuthorityView {
  return { ...revoked, state: 'revoked' }
}

/** As `openssl x509 -fingerprint -sha256 -subject` shows it, so that it can be held against what a PKI says. */
function describeRoot(root: Uint8Array): NonNullable<AuthorityView['root']> {
  const { fingerprint256, subject } = new X509Certificate(root)
  return { fingerprint: fingerprint256, subject: subject.split('\n').join(', ') }
}
