/** The names under which Envoy asks for secrets whose own names its configuration should not have to know. */
export interface SecretNames {
  /** The oldest identity of the program, its certificate and key. */
  readonly defaultSvidName: string
  /** The roots of the agent's own trust domain. */
  readonly defaultBundleName: string
  /** The roots of every trust domain that the program may trust, each for its own peers. */
  readonly defaultAllBundlesName: string
}

/** Settings of the Secret Discovery Service. */
export interface SdsSettings extends SecretNames {
  /** Plain roots instead of the SPIFFE certificate validator; an Envoy's node metadata may say otherwise for itself. */
  readonly disableSpiffeCertValidation: boolean
}
