/** The conformance suite for SPIFFE Workload API endpoints as a library: what `countersign conformance workload-api` runs. */
export { ALL_CHECKS, CHECK_GROUPS, type CheckGroup } from './all-checks.ts'
export type { Check, Level } from './check.ts'
export type { Patience } from './probe.ts'
export { formatJunit } from './report/junit.ts'
export type { CheckReport, Outcome, SuiteReport } from './run-checks.ts'
export { runSuite, type SuiteOptions } from './run-suite.ts'
