/** Certificates begin to be valid this long before now, for machines whose clocks are a little behind. */
export const BACKDATE_SECONDS = 10
