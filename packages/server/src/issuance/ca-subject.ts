import type { NameAttributes } from '@countersign/protocol'

/** A subject of its own for every CA: verifiers that look for issuers by name find exactly one. */
export function caSubject(id: string): NameAttributes & { readonly commonName: string } {
  return { organization: 'Countersign', commonName: 'Workload identity authority', serialNumber: id }
}
