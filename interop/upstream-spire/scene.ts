import type { Scene as SpireScene } from '../spire/scene.ts'
import type { SuiteContext } from '../support/interop-suite.ts'

/** SPIRE above, our server below it, one trust domain, and workloads of both. */
export interface Scene extends SpireScene {
  readonly context: SuiteContext
  readonly folder: string
}
