/** Largest content that is held in memory to be signed, or to be verified, where nothing is configured: 4 MiB. */
export const DEFAULT_MAX_SIGNED_BODY_BYTES = 4 * 1024 * 1024
