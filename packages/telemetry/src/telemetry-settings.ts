/** The part of both programs' configuration that is about being watched. */
import { type Static, Type } from 'typebox'

/** @param defaultPort of each program another one: both often run on one host */
export const telemetrySettings = (defaultPort: number) =>
  Type.Object(
    {
      host: Type.String({ minLength: 1, default: '127.0.0.1', description: 'address to listen on' }),
      port: Type.Integer({
        minimum: 0,
        maximum: 65_535,
        default: defaultPort,
        description: 'TCP port; 0 takes any free one',
      }),
    },
    {
      description:
        'plain HTTP for Prometheus and probes: `/metrics`, `/live` and `/ready` with reasons; off without this. Give `{}` for the defaults',
    },
  )

export const TracingSettings = Type.Object(
  {
    otlpEndpoint: Type.String({
      pattern: '^https?://[^/?#@\\s]+/[^?#@\\s]*$',
      maxLength: 2048,
      description: 'URL to which spans are sent by OTLP over HTTP, as in http://127.0.0.1:4318/v1/traces',
    }),
    sampleRatio: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 1,
      description: 'share of the traces begun here that is recorded',
    }),
  },
  { description: 'OpenTelemetry traces; needs the packages of the OpenTelemetry SDK' },
)
export type TracingSettings = Static<typeof TracingSettings>
