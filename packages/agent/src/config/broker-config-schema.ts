/** Settings of the Broker API endpoint. */
import { type Static, Type } from 'typebox'

const count = (defaultCount: number, maximum: number, description: string) =>
  Type.Integer({ minimum: 1, maximum, default: defaultCount, description })

const IdentityRule = Type.Object({
  root: Type.String({
    minLength: 1,
    maxLength: 2048,
    description:
      'SPIFFE ID of the own trust domain; with `allowEntireOrigin` also the trust domain, spiffe://example.org',
  }),
  match: Type.Union([Type.Literal('exact'), Type.Literal('descendants')], {
    description: 'that identity only, or it and all below it; a name ends where a path segment ends',
  }),
  allowEntireOrigin: Type.Boolean({
    default: false,
    description: 'lets `descendants` of the trust domain stand for each of its workloads',
  }),
})

export const BrokerSettings = Type.Object(
  {
    socket: Type.Optional(
      Type.String({ minLength: 1, description: 'Unix socket of the Broker API, as in /run/countersign/broker.sock' }),
    ),
    socketMode: Type.String({
      pattern: '^0[0-7]{3}$',
      default: '0660',
      description: 'who may open the socket, besides having to prove a broker; never every workload without a need',
    }),
    tcp: Type.Optional(
      Type.Object(
        {
          host: Type.String({
            minLength: 1,
            maxLength: 255,
            default: '127.0.0.1',
            description: 'address to listen on',
          }),
          port: Type.Integer({ minimum: 0, maximum: 65_535, description: 'port to listen on; 0 for any that is free' }),
        },
        { description: 'also serves the Broker API on TCP; process ids are taken from this host only' },
      ),
    ),
    brokers: Type.Array(
      Type.Object({
        id: Type.String({
          minLength: 1,
          maxLength: 2048,
          description: 'exact SPIFFE ID of a broker, of the own trust domain or a federated one',
        }),
        references: Type.Array(Type.Literal('pid'), {
          default: ['pid'],
          maxItems: 8,
          description: 'how it may name workloads; `pid` is the only way there is here',
        }),
        identities: Type.Array(IdentityRule, {
          default: [],
          maxItems: 256,
          description: 'whose identities it is given; none unless listed',
        }),
      }),
      { minItems: 1, maxItems: 256, description: 'who may use the Broker API, and for whom; nobody else may' },
    ),
    limits: Type.Object(
      {
        connections: count(64, 4096, 'most connections of brokers at once'),
        connectionsPerBroker: count(8, 4096, 'most connections of one broker at once'),
        callsPerBroker: count(1024, 65_536, 'most calls of one broker at once, open streams included'),
        handshakeTimeout: Type.Integer({
          minimum: 1,
          maximum: 300,
          default: 10,
          description: 'time for a TLS handshake, in seconds',
        }),
      },
      { default: {} },
    ),
  },
  { description: 'the SPIFFE Broker API, for programs that stand in for others; off unless it is set' },
)
export type BrokerSettings = Static<typeof BrokerSettings>
