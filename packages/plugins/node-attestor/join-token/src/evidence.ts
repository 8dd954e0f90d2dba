/** What the agent's half of `join-token` sends to the server's half. */
import { type Static, Type } from 'typebox'

export const ATTESTOR_NAME = 'join-token'

export const MAX_TOKEN_LENGTH = 512

/** Visible ASCII: a token is copied by hand, through files and through environment variables. */
const TOKEN = '^[\\x21-\\x7e]+$'

export const JoinTokenEvidence = Type.Object(
  { token: Type.String({ minLength: 1, pattern: TOKEN, description: 'visible ASCII characters' }) },
  { additionalProperties: false },
)
export type JoinTokenEvidence = Static<typeof JoinTokenEvidence>
