import { generateSigningKey } from '@countersign/protocol/keys-node'
import { goodAnswer, invalid, refuse } from '../fake-answers.ts'
import type { FakeEndpoint } from '../fake-endpoint.ts'
import { BATCH, type FakeWorld, OWN, WEB } from '../fake-world.ts'
import { answering, isRpc, type Violation, type Violations } from './violation.ts'

type Members = Record<string, unknown>
type Signed = { header: Members; claims: Members; key: ReturnType<typeof generateSigningKey> }
type Kind = 'JWT' | 'WIT'

const on =
  (spoil: (world: FakeWorld) => void): Violation =>
  ({ world }: FakeEndpoint) =>
    spoil(world)

/** Changes each token before it is signed. */
function token(kind: Kind, spoil: (token: Signed) => void): Violation {
  return on((world) => {
    if (kind === 'JWT') world.spoilJwt = spoil
    else world.spoilWit = spoil
  })
}

type Svid = { spiffeId: string; hint: string; svid?: string; witSvid?: string; witSvidKey?: string }

/** Changes what a response holds. */
function svids(kind: Kind, spoil: (svids: Svid[], asked: string) => Svid[]): Violation {
  return on((world) => {
    if (kind === 'JWT') world.jwtSvids = spoil
    else world.witSvids = spoil
  })
}

function commonViolations(kind: Kind): Violations {
  const [name, field] = kind === 'JWT' ? ['FetchJWTSVID', 'svid'] : ['FetchWITSVID', 'witSvid']
  const change = (spoil: (svid: Svid) => Partial<Svid>) =>
    svids(kind, (all) => all.map((svid) => ({ ...svid, ...spoil(svid) })))
  const refusing = (asked: string, answer: Parameters<typeof answering>[1]) =>
    answering(name, answer, ({ message }) => message.includes(asked))
  return {
    [`${kind}-SVIDS-NOT-EMPTY`]: svids(kind, () => []),
    [`${kind}-MANDATORY-FIELDS`]: change(() => ({ [field]: '' })),
    [`${kind}-ALL-IDENTITIES`]: svids(kind, (all, asked) => (asked === '' ? all.slice(0, 1) : all)),
    [`${kind}-OWN-ID`]: refusing(BATCH, invalid('no')),
    [`${kind}-ONLY-ASKED-ID`]: svids(kind, (all, asked) =>
      asked === '' ? all : [...all, ...all.map((svid) => ({ ...svid, spiffeId: WEB, hint: '' }))],
    ),
    [`${kind}-FOREIGN-ID`]: refusing('no/such/workload', invalid('no such identity')),
    [`${kind}-MALFORMED-ID`]: refusing('not a SPIFFE ID', refuse(14)),
    [`${kind}-COMPACT`]: change(() => ({ [field]: '{"payload":"","signatures":[]}' })),
    [`${kind}-ALG`]: token(kind, ({ header }) => {
      header['alg'] = 'EdDSA'
    }),
    [`${kind}-SUB`]: token(kind, ({ claims }) => {
      claims['sub'] = `${OWN}/other`
    }),
    [`${kind}-EXP`]: token(kind, ({ claims }) => {
      claims['exp'] = 'soon'
    }),
    [`${kind}-NOT-EXPIRED`]: token(kind, ({ claims }) => {
      claims['nbf'] = 4_000_000_000
    }),
    [`${kind}-SIGNATURE`]: on((world) => {
      const { publicJwk } = generateSigningKey('ES256', { kid: `${kind.toLowerCase()}-1` })
      const bundle = { keys: [{ ...publicJwk, use: `${kind.toLowerCase()}-svid` }] }
      if (kind === 'JWT') world.jwtBundles[OWN] = bundle
      else world.witBundles[OWN] = bundle
    }),
    [`${kind}-HINT-UNIQUE`]: change(() => ({ hint: 'same' })),
    [`${kind}-HINT-LENGTH`]: change(({ spiffeId }) => ({ hint: spiffeId.padEnd(1025, 'h') })),
  }
}

const extraHeader = ({ header }: Signed) => {
  header['x'] = 'more'
}

export const TOKEN_VIOLATIONS: Violations = {
  ...commonViolations('JWT'),
  ...commonViolations('WIT'),
  'JWT-ID-VALID': withInvalidId('JWT'),
  'WIT-ID-VALID': withInvalidId('WIT'),
  'JWT-NO-AUDIENCE': answering('FetchJWTSVID', refuse(14), ({ message }) => message.length === 0),
  'JWT-EMPTY-AUDIENCE': (endpoint) =>
    endpoint.spoil((request) =>
      isRpc(request, 'FetchJWTSVID') && request.message.equals(Buffer.of(0x0a, 0))
        ? goodAnswer(endpoint.world, { ...request, message: Buffer.from('0a0161', 'hex') })
        : undefined,
    ),
  'JWT-AUDIENCE': on((world) => {
    world.spoilJwt = ({ claims }, audience) => {
      if (audience.length === 1) claims['aud'] = [...audience, 'more']
    }
  }),
  'JWT-AUDIENCES': on((world) => {
    world.spoilJwt = ({ claims }, audience) => {
      if (audience.length > 1) claims['aud'] = audience.slice(0, 1)
    }
  }),
  'JWT-HEADER-CLOSED': token('JWT', extraHeader),
  'JWT-TYP': token('JWT', ({ header }) => {
    header['typ'] = 'at+jwt'
  }),
  'JWT-KID': token('JWT', ({ header }) => {
    delete header['kid']
  }),
  'WIT-KID': token('WIT', ({ header }) => {
    delete header['kid']
  }),
  'WIT-TYP': token('WIT', ({ header }) => {
    header['typ'] = 'JWT'
  }),
  'WIT-HEADER-CLOSED': token('WIT', extraHeader),
  'WIT-CNF': token('WIT', ({ claims }) => {
    claims['cnf'] = { jkt: 'thumbprint' }
  }),
  'WIT-CNF-PUBLIC': on((world) => {
    const [first, second] = world.authorities.workloadKeys
    world.spoilWit = ({ claims }) => {
      claims['cnf'] = { jwk: (claims['sub'] === WEB ? first : second).exportJwk() }
    }
  }),
  'WIT-CNF-ALG': token('WIT', ({ claims }) => {
    const { jwk } = claims['cnf'] as { jwk: Members }
    claims['cnf'] = { jwk: { ...jwk, alg: 'EdDSA' } }
  }),
  'WIT-NO-AUD': token('WIT', ({ claims }) => {
    claims['aud'] = 'someone'
  }),
  'WIT-ISS': token('WIT', ({ claims }) => {
    claims['iss'] = 'https://issuer.example.org'
  }),
  'WIT-KEY-JWK': svids('WIT', (all) => all.map((svid) => ({ ...svid, witSvidKey: 'no key' }))),
  'WIT-KEY-MATCHES': svids('WIT', (all) => {
    const { witSvidKey } = all.at(-1) ?? {}
    return all.map((svid) => ({ ...svid, ...(witSvidKey === undefined ? {} : { witSvidKey }) }))
  }),
}

/** Of a third identity, which has no X509-SVID. */
function withInvalidId(kind: Kind): Violation {
  return on((world) => {
    const ids = [WEB, BATCH, `${OWN}//third`]
    if (kind === 'JWT') world.jwtIds = ids
    else world.witIds = ids
  })
}
