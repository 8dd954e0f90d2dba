import { encodePem, type X509Anchors } from '@countersign/protocol'

/**
 * The roots of one origin in the form OpenSSL takes them, for its own look at a path. `undefined` where it would refuse
 * what RFC 5280 allows: Node has it accept self-signed roots only, and of several with one name it tries just one.
 *
 * Roots of several origins are never put together: OpenSSL goes by name, so one domain's look-alike of another's root
 * would shut the other's workloads out.
 */
export function anchorsForOpenSsl(anchors: X509Anchors | undefined): string[] | undefined {
  const certificates = anchors?.certificates ?? []
  const subjects = new Set(certificates.map(({ subject }) => text(subject)))
  const canJudge =
    certificates.length > 0 &&
    subjects.size === certificates.length &&
    certificates.every(({ subject, issuer }) => text(subject) === text(issuer))
  return canJudge ? certificates.map(({ raw }) => encodePem([raw])) : undefined
}

function text(name: Uint8Array): string {
  return Buffer.from(name).toString('base64')
}
