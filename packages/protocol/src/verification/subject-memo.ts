import { WorkloadId } from '../identifier/workload-id.ts'

/** A service sees as many subjects as it has callers. */
const CAPACITY = 4096

/**
 * Remembers parsed subjects by their whole text. Parsing depends on nothing else, so what is remembered stays true
 * whatever happens to keys and trust. Bounded: emptied when full.
 */
export class SubjectMemo {
  readonly #subjects = new Map<string, WorkloadId>()

  /** @throws IdentifierError `ERR_IDENTIFIER_*` */
  parse(text: string): WorkloadId {
    return this.#subjects.get(text) ?? WorkloadId.parse(text)
  }

  /** For subjects that a signature has proved, so that nobody fills the memory with inventions. */
  remember(subject: WorkloadId): void {
    const text = subject.toString()
    if (this.#subjects.has(text)) return
    if (this.#subjects.size >= CAPACITY) this.#subjects.clear()
    // It is handed out again: whoever changed it would change the origin that the next token is held against.
    Object.freeze(subject)
    this.#subjects.set(text, subject)
  }
}
