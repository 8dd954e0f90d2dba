import { readToken } from '../../../conformance/workload-api/artefacts/tokens.ts'
import { AUDIENCE } from '../../../conformance/workload-api/probe.ts'
import { refuse } from '../fake-answers.ts'
import type { FakeEndpoint } from '../fake-endpoint.ts'
import type { FakeWorld } from '../fake-world.ts'
import { answering, type Violation, type Violations } from './violation.ts'

/** Believes tokens that are like that. */
const believing =
  (isBelieved: (token: string, audience: string, world: FakeWorld) => boolean): Violation =>
  ({ world }: FakeEndpoint) => {
    world.believes = (token, audience) => isBelieved(token, audience, world)
  }

const saying =
  (spoil: (answer: { spiffeId: string; claims: Record<string, unknown> }) => void): Violation =>
  ({ world }: FakeEndpoint) => {
    world.spoilValidation = spoil
  }

const header = (token: string) => readToken(token.endsWith('.') ? `${token}AAAA` : token)?.header ?? {}
const claims = (token: string) => readToken(token)?.claims ?? {}
const SIGNATURE_PREFIX = 8

/** Whose signature begins as that of a token that was minted: the suite turns one octet in the middle. */
function isNearlyMinted(token: string, world: FakeWorld): boolean {
  const beginning = token.slice(0, token.lastIndexOf('.') + SIGNATURE_PREFIX)
  return token !== '' && !world.minted.includes(token) && world.minted.some((each) => each.startsWith(beginning))
}

/** A message that the server never signed, with nothing but the signature wrong. */
function isSignedByOther(token: string, world: FakeWorld): boolean {
  const { alg, jwk } = header(token)
  const isMintedContent = world.minted.some((each) => each.startsWith(token.slice(0, token.lastIndexOf('.') + 1)))
  return (
    alg === 'ES256' &&
    jwk === undefined &&
    isMintedContent &&
    !isNearlyMinted(token, world) &&
    !world.minted.includes(token)
  )
}

export const VALIDATE_VIOLATIONS: Violations = {
  'JV-SPIFFE-ID': saying((answer) => {
    answer.spiffeId = 'spiffe://example.org/other'
  }),
  'JV-CLAIMS': saying(({ claims: said }) => {
    delete said['exp']
  }),
  'JV-AUD-LIST': saying(({ claims: said }) => {
    said['aud'] = AUDIENCE
  }),
  'JV-WRONG-AUDIENCE': believing(
    (token, audience, world) => audience !== AUDIENCE && audience !== '' && world.minted.includes(token),
  ),
  'JV-CHANGED-SIGNATURE': believing((token, _, world) => isNearlyMinted(token, world)),
  'JV-CHANGED-CLAIMS': believing((token) => String(claims(token)['sub']).endsWith('-other')),
  'JV-ALG-NONE': believing((token) => header(token)['alg'] === 'none'),
  'JV-ALG-HMAC': believing((token) => header(token)['alg'] === 'HS256'),
  'JV-OTHER-KEY': believing((token, _, world) => isSignedByOther(token, world)),
  'JV-OWN-JWK': believing((token) => header(token)['jwk'] !== undefined),
  'JV-OTHER-DOMAIN': believing((token) => String(claims(token)['sub']).includes('conformance.invalid')),
  'JV-JSON': believing((token) => token.startsWith('{')),
  'JV-GARBAGE': believing((token) => token === 'not.a.token'),
  'JV-EXPIRED': believing((token, audience, world) => audience === AUDIENCE && world.minted.includes(token)),
  'JV-REFUSAL-STATUS': answering('ValidateJWTSVID', refuse(14), ({ message }) => message.includes('not.a.token')),
  'JV-NO-AUDIENCE': believing((token, audience) => audience === '' && token !== ''),
  'JV-NO-TOKEN': believing((token) => token === ''),
}
