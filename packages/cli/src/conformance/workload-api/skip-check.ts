/** Nothing can be said, and why. */
export class SkipCheck extends Error {}

/** @throws SkipCheck */
export function skip(reason: string): never {
  throw new SkipCheck(reason)
}
