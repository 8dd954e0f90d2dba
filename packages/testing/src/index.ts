/** Fakes with behaviour and assertions, for tests of code that uses Countersign. */
export { type CryptoCalls, countingCrypto } from './counting-crypto.ts'
export { expectCode } from './expect-code.ts'
export { FakeClock, settle } from './fake-clock.ts'
export { FakeIssuer, type FakeIssuerOptions, FakeWorkload } from './fake-issuer.ts'
export { decodeToken, encodeToken, mutateToken, type TokenChange } from './mutate.ts'
export { promisedCrypto, promisedSigningKey } from './promised-crypto.ts'
