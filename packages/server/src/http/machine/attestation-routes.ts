import { AgentCredential, AttestRequest, RenewRequest } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import type { NodeAttestation } from '../../attestation/node-attestation.ts'
import type { IssuedX509 } from '../../issuance/svid-issuer.ts'
import type { BundleStore } from '../../store/bundle-store.ts'
import type { NodeOf } from './node-of.ts'

export interface AttestationRoutesOptions {
  readonly attestation: Pick<NodeAttestation, 'attest' | 'renew'>
  readonly bundles: BundleStore
  readonly trustDomain: string
}

export function addAttestationRoutes(
  app: FastifyInstance,
  attestUrl: string,
  nodeOf: NodeOf,
  { attestation, bundles, trustDomain }: AttestationRoutesOptions,
): void {
  const answer = async ({ serial: _, authorityId: __, ...credential }: IssuedX509): Promise<AgentCredential> => ({
    credential,
    bundle: (await bundles.get(trustDomain)) ?? { trustDomain, bundle: { keys: [] } },
  })

  app.post<{ Body: AttestRequest }>(
    attestUrl,
    {
      schema: {
        summary: 'Attest a node',
        description: 'Turns evidence of where a node runs into its X509-SVID. Needs no client certificate.',
        body: AttestRequest,
        response: { 200: AgentCredential },
      },
    },
    async (request) => answer(await attestation.attest(request.body)),
  )

  app.post<{ Body: RenewRequest }>(
    '/v1/agent/renew',
    {
      schema: {
        summary: 'Renew the X509-SVID of the calling node',
        body: RenewRequest,
        response: { 200: AgentCredential },
      },
    },
    async (request) => answer(await attestation.renew(nodeOf(request), request.body.publicKey)),
  )
}
