import type { HeaderField } from '../../conformance/workload-api/transport/header-block.ts'

export interface FakeRequest {
  readonly path: string
  readonly fields: readonly HeaderField[]
  /** The first message. */
  readonly message: Buffer
  /** From a process without an identity. */
  readonly isAnonymous: boolean
  readonly connection: FakeConnection
  valuesOf(name: string): readonly string[]
}

/** What a server that gets things wrong may want to know of a connection. */
export interface FakeConnection {
  /** Streams begun, by path, and not over. */
  readonly open: string[]
  begun: number
  /** Of everything ever called. */
  readonly paths: Set<string>
  cancelled: number
  /** Streams whose request has not come to its end. */
  unfinished: number
  readonly isWaiting: () => boolean
  readonly isSlowReader: () => boolean
  readonly drop: () => void
}

export interface FakeAnswer {
  readonly messages: readonly Uint8Array[]
  /** A gRPC status other than OK. */
  readonly status?: number
  readonly text?: string
  /** Nothing follows the messages: a stream that waits for changes. */
  readonly isOpen?: boolean
  readonly delayMs?: number
  /** In place of an answer. */
  readonly isReset?: boolean
}

export type FakeHandler = (request: FakeRequest) => FakeAnswer
