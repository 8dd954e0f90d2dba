import { hash } from 'node:crypto'
import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { endWith } from '@countersign/telemetry'
import type { Received, ServerStreamingCall } from '@countersign/workload-api/server'
import { UNOBSERVED } from '../telemetry/observation.ts'
import type { Caller, Sight } from './caller.ts'
import type { Follower } from './push-schedule.ts'
import type { RpcError } from './rpc-error.ts'
import type { AnswerContext } from './service-context.ts'

/** The whole state for one caller, and when it will be out of date by itself. */
export interface Snapshot<Message> {
  readonly message: Message
  /** Epoch seconds; infinite when only a change from outside can make it so. */
  readonly freshUntil: number
}

/** Whom a snapshot is of, and how to tell that it is out of date. */
export interface Subject {
  readonly caller: Caller
  readonly sight: Sight
}

/** A snapshot that is out of date at once would otherwise be taken again without a pause. */
const MIN_PAUSE_SECONDS = 1

/**
 * One open stream of snapshots: the first at once, then one after each change of what the caller would see.
 *
 * Nothing is queued. A caller that reads slowly gets the state of the moment it reads; one that never reads costs one
 * message. Who the caller is, is asked again for each snapshot.
 *
 * Thousands are open for months and do nothing, so each keeps as little as it can, and nothing that waits: no timer, no
 * promise.
 */
export abstract class SnapshotStream<Request, Schema extends DescMessage> implements Follower {
  alarmAt: number | undefined
  protected readonly call: ServerStreamingCall<Received<Request>, MessageShape<Schema>>
  readonly #context: AnswerContext
  readonly #schema: Schema
  #isClosed = false
  /** Something changed since the last look, however often it did. */
  #isRaised = false
  #isLooking = false
  /** SHA-256 of what the caller has. */
  #sentHash = ''
  #sight: Sight | undefined
  /** Takes the stream off all lists. */
  #leave: (() => void) | undefined
  /** Ends the wait for a caller that does not read. */
  #giveUpWriting: (() => void) | undefined

  constructor(
    context: AnswerContext,
    schema: Schema,
    call: ServerStreamingCall<Received<Request>, MessageShape<Schema>>,
  ) {
    this.#context = context
    this.#schema = schema
    this.call = call
  }

  /**
   * Checks that need no attestation, and a place among those served.
   *
   * @returns gives the place back
   */
  protected abstract enter(): () => void

  /** Asks anew who the caller is. */
  protected abstract resolve(): Promise<Subject>

  protected abstract snapshot(caller: Caller): Promise<Snapshot<MessageShape<Schema>>>

  /** Called before the caller is given a snapshot, or left with one that is the same. @throws RpcError to give none */
  protected abstract giving(caller: Caller): void

  /** The answer to what ends the stream. */
  protected abstract refuse(cause: unknown): RpcError

  start(): void {
    try {
      const release = this.enter()
      const stop = this.#context.pushes.add(this)
      this.#leave = () => {
        stop()
        release()
      }
    } catch (error) {
      this.fail(error)
      return
    }
    const close = () => this.#close()
    for (const event of ['cancelled', 'close', 'finish']) this.call.once(event, close)
    this.wake()
  }

  isConcerned(): boolean {
    return this.#sight?.isOutdated(this.#context) !== false
  }

  usesEntries(entryIds: ReadonlySet<string>): boolean {
    return this.#sight?.includesAny(entryIds) !== false
  }

  wake(): void {
    this.#isRaised = true
    if (!this.#isLooking && !this.#isClosed) this.#look().catch((error) => this.fail(error))
  }

  /** Until there is nothing new. */
  async #look(): Promise<void> {
    this.#isLooking = true
    try {
      let freshUntil = Number.POSITIVE_INFINITY
      while (this.#isRaised && !this.#isClosed) {
        this.#isRaised = false
        const { tracing } = this.#context.observation ?? UNOBSERVED
        freshUntil = await endWith(tracing.begin(this.call.getPath(), { kind: 'server' }), () => this.#send())
      }
      const { clock, pushes } = this.#context
      pushes.wakeAt(this, Math.max(clock.now() + MIN_PAUSE_SECONDS, freshUntil))
    } finally {
      this.#isLooking = false
    }
  }

  /** Sends what the caller does not have yet. @returns when to look again */
  async #send(): Promise<number> {
    const { caller, sight } = await this.resolve()
    this.#sight = sight
    const { message, freshUntil } = await this.snapshot(caller)
    if (this.#isClosed) return freshUntil
    this.giving(caller)
    const sentHash = hash('sha256', toBinary(this.#schema, message), 'base64')
    if (sentHash !== this.#sentHash) {
      await this.#write(message)
      // The first is no push: nothing had changed.
      if (this.#sentHash !== '') this.#context.observation?.recorder.pushed(this.#context.pushes.sinceTold())
      this.#sentHash = sentHash
    }
    return freshUntil
  }

  /** Resolves when the message has gone out, which waits for a caller that does not read, or when the call is over. */
  async #write(message: MessageShape<Schema>): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#giveUpWriting = resolve
      this.call.write(message, () => resolve())
    })
    this.#giveUpWriting = undefined
  }

  /** Ends the stream, whatever it is at. */
  protected fail(error: unknown): void {
    const wasClosed = this.#isClosed
    this.#close()
    if (!wasClosed) this.call.emit('error', this.refuse(error))
  }

  #close(): void {
    this.#isClosed = true
    this.#leave?.()
    this.#leave = undefined
    this.#giveUpWriting?.()
  }
}
