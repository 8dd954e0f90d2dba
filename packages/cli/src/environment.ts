/** Environment variables, as given and not as found. */
export type Environment = Readonly<Record<string, string | undefined>>
