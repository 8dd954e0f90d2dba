import { parseJwkSet, TrustedKeys } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { type DocumentRuntime, PublishedDocument } from './published-document.ts'

/** The keys of a token service, as it publishes them: fetched when they are needed, and again every few minutes. */
export class PublishedKeys extends PublishedDocument<TrustedKeys> {
  /**
   * @param url `jwks_uri` of the service
   * @param runtime of the workload
   * @throws TypeError unless it is https, or on this host
   */
  constructor(url: string, runtime: DocumentRuntime) {
    super(url, runtime, {
      name: 'the keys of the token service',
      code: 'ERR_SDK_KEYS',
      parse: (text) => new TrustedKeys(parseJwkSet(text, 'sig'), nodeCrypto),
    })
  }
}
