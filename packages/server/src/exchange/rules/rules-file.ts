import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { type Logger, loadConfigFile } from '@countersign/plugin-kit'
import { errorCode, WorkloadIdentityError } from '@countersign/protocol'
import type { ReadinessCheck } from '@countersign/telemetry'
import type { Audit } from '../../audit/audit.ts'
import { ExchangeRuleSet } from './exchange-rule-set.ts'
import type { RuleVocabulary } from './rule-vocabulary.ts'

export interface RulesFileParts {
  /** YAML document. */
  readonly path: string
  readonly vocabulary: RuleVocabulary
  readonly audit: Pick<Audit, 'exchangeRulesLoaded' | 'exchangeRulesRefused'>
  readonly log: Logger
}

/**
 * The document of exchange rules, read again when it changes. A request is decided by the rules of one document: they change all
 * at once, or not at all, and a document that cannot be used leaves those before it in force.
 */
export class RulesFile {
  readonly #parts: RulesFileParts
  #rules: ExchangeRuleSet
  #version: string
  #documentHash: string
  #problem: { readonly text: string; readonly reason: string } | undefined

  private constructor(parts: RulesFileParts, version: string, read: ReadRules) {
    this.#parts = parts
    this.#version = version
    this.#rules = read.rules
    this.#documentHash = read.documentHash
    this.#report(read)
  }

  /**
   * @throws ConfigError `ERR_CONFIG_*` when the document cannot be read
   * @throws ExchangeError `ERR_EXCHANGE_RULES` when it cannot be used
   */
  static async open(parts: RulesFileParts): Promise<RulesFile> {
    // Before the document, so that a change in between is seen the next time.
    const version = await readVersion(parts.path)
    return new RulesFile(parts, version, await readRules(parts.path, parts.vocabulary))
  }

  /** The rules as of now. Another object when they have changed. */
  get rules(): ExchangeRuleSet {
    return this.#rules
  }

  /** A server goes on with the rules it has, so this takes it out of no service. */
  get readiness(): ReadinessCheck {
    return { name: 'exchange-rules', isRequired: false, check: () => this.#problem?.reason }
  }

  /** Reads the document again if its file is another one, or the last attempt failed. Never fails. */
  async reloadIfChanged(): Promise<void> {
    const { path, vocabulary } = this.#parts
    const version = await readVersion(path)
    if (version === this.#version && this.#problem === undefined) return
    try {
      const read = await readRules(path, vocabulary)
      this.#version = version
      const isOther = read.documentHash !== this.#documentHash
      const wasRefused = this.#problem !== undefined
      this.#problem = undefined
      if (!isOther && !wasRefused) return
      this.#documentHash = read.documentHash
      this.#rules = read.rules
      this.#report(read)
    } catch (error) {
      if (!(error instanceof WorkloadIdentityError)) throw error
      this.#refuse(error, version)
    }
  }

  #report({ rules, documentHash }: ReadRules): void {
    const { path, audit, log } = this.#parts
    audit.exchangeRulesLoaded({ documentHash, rules: rules.size })
    if (rules.size === 0) log.warn({ rulesFile: path }, 'there are no exchange rules: nothing will be issued')
  }

  /** Said once for each state of the file: it is tried again every time, since it may have been half written. */
  #refuse(error: WorkloadIdentityError, version: string): void {
    const { path, audit, log } = this.#parts
    const text = `${version} ${error.message}`
    if (this.#problem?.text === text) return
    this.#problem = { text, reason: `the changed rules are not in force: ${error.message}` }
    const { message: reason, detail } = error
    log.error({ rulesFile: path, code: errorCode(error), reason, detail }, 'changed exchange rules cannot be used')
    audit.exchangeRulesRefused({ code: error.code, documentHash: this.#documentHash })
  }
}

/** What is in a document that can be used. */
export interface ReadRules {
  readonly rules: ExchangeRuleSet
  /** Base64url SHA-256 of what it says, not of how it is written. */
  readonly documentHash: string
}

/**
 * @throws ConfigError `ERR_CONFIG_*` when the document cannot be read
 * @throws ExchangeError `ERR_EXCHANGE_RULES` when it cannot be used
 */
export async function readRules(path: string, vocabulary: RuleVocabulary): Promise<ReadRules> {
  const document = await loadConfigFile(path)
  const rules = ExchangeRuleSet.parse(document, vocabulary)
  return { rules, documentHash: createHash('sha256').update(JSON.stringify(document)).digest('base64url') }
}

async function readVersion(path: string): Promise<string> {
  const file = await stat(path).catch(() => undefined)
  return `${file?.mtimeMs} ${file?.size} ${file?.ino}`
}
