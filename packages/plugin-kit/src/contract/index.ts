/** One contract suite per plugin type. A plugin's test file calls it with a factory; vitest must be installed. */
export { describeKeyManager, type KeyManagerFixture } from './key-manager.ts'
export {
  type AgentNodeAttestorFixture,
  describeAgentNodeAttestor,
  describeServerNodeAttestor,
  type ServerNodeAttestorFixture,
} from './node-attestor.ts'
export {
  describeTokenProfileIn,
  describeTokenProfileOut,
  type TokenProfileInFixture,
  type TokenProfileOutFixture,
} from './token-profile.ts'
export { TestTokenProfileHost, type TestTokenProfileHostOptions } from './token-profile-host.ts'
export { describeUpstreamAuthority, type UpstreamAuthorityFixture } from './upstream-authority.ts'
export { describeWorkloadAttestor, type WorkloadAttestorFixture } from './workload-attestor.ts'
