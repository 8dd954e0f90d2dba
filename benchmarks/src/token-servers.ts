import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a peer of the token service is sent. */
export interface TokenServerSettings {
  readonly port: number
  /** PEM. */
  readonly key: string
  readonly cert: string
  /** Public JWK that verifies assertions. */
  readonly clientKey: object
  /** Private JWK that signs tokens. */
  readonly signingKey: object
}

/** Starts a peer in a process of its own. */
export async function startTokenServer(name: string, settings: TokenServerSettings): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL(`${name}.ts`, import.meta.url)))
  const answer = Promise.race([once(child, 'message'), once(child, 'exit')])
  child.send(settings)
  if ((await answer)[0] !== 'ready') throw new Error(`${name} does not start`)
  return child
}
