import type { CloudToken } from '../validate-token.ts'

/** Google's libraries use what is in the output file until this very second, and the token must still arrive. */
const MARGIN_SECONDS = 30

/** @see google-auth, executable-sourced credentials: environment and response */
export function formatTokenResponse({ token, expiresAt }: CloudToken, tokenType: string, now: number) {
  return {
    version: 1,
    success: true,
    token_type: tokenType,
    id_token: token,
    expiration_time: Math.max(now + 1, expiresAt - MARGIN_SECONDS),
  }
}

export function formatErrorResponse(code: string, message: string) {
  return { version: 1, success: false, code, message }
}
