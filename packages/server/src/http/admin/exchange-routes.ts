import { ExchangeExplanation, ExplainExchange } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import { ExchangeError } from '../../exchange/exchange-error.ts'
import type { TokenService } from '../../exchange/open-token-service.ts'

export interface ExchangeRoutesOptions {
  readonly tokenService: Pick<TokenService, 'explain'> | undefined
}

export function addExchangeRoutes(app: FastifyInstance, { tokenService }: ExchangeRoutesOptions): void {
  app.post<{ Body: ExplainExchange }>(
    '/v1/exchange/explain',
    {
      schema: {
        summary: 'Say what the exchange rules would decide, and why',
        description: 'As if all tokens were valid and their keys proved. Nothing is issued.',
        body: ExplainExchange,
        response: { 200: ExchangeExplanation },
      },
    },
    async (request) => {
      if (tokenService !== undefined) return tokenService.explain(request.body)
      throw new ExchangeError('ERR_EXCHANGE_OFF', 'this server has no token service: configure "tokenService"')
    },
  )
}
