import { WorkloadIdentityError } from '@countersign/protocol'

export type TelemetryErrorCode = 'ERR_TELEMETRY_ADDRESS' | 'ERR_TELEMETRY_PACKAGE'

/** What watches a program cannot be set up as configured. */
export class TelemetryError extends WorkloadIdentityError<TelemetryErrorCode> {}
