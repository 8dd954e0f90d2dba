import { describe, expect, it } from 'vitest'
import { startHttpsServer } from '../test-support/https-server.ts'
import { checkIssuer } from './check-issuer.ts'
import { CLOUDS, type CloudName } from './clouds.ts'

interface Documents {
  readonly issuer?: string
  readonly jwksUri?: string
  readonly metadata?: string
  readonly keys?: string
  readonly status?: number
}

async function check(cloud: CloudName, algorithms: readonly string[], documents: Documents = {}, path = '/workloads') {
  const issuer = () => `${server.url}${path}`
  const server = await startHttpsServer(({ path: asked }) => {
    if (asked === '/workloads/.well-known/openid-configuration') {
      const jwks_uri = documents.jwksUri ?? `${issuer()}/keys`
      const body = documents.metadata ?? JSON.stringify({ issuer: documents.issuer ?? issuer(), jwks_uri })
      return { status: documents.status ?? 200, body, headers: { location: `${server.url}/elsewhere` } }
    }
    return { body: documents.keys ?? JSON.stringify({ keys: algorithms.map((alg) => ({ kty: 'EC', alg })) }) }
  })
  return { server, result: checkIssuer(issuer(), CLOUDS[cloud], server.roots) }
}

describe('checkIssuer', () => {
  it('fetches metadata and keys, and tells what they sign with', async () => {
    const { server, result } = await check('gcp', ['ES256', 'RS256'])
    expect(await result).toEqual({
      issuer: `${server.url}/workloads`,
      jwksUri: `${server.url}/workloads/keys`,
      ...{ algorithms: ['ES256', 'RS256'], refused: [] },
    })
    expect(server.asked).toEqual(['GET /workloads/.well-known/openid-configuration', 'GET /workloads/keys'])
  })

  it('looks below an issuer with a slash at its end where relying parties look', async () => {
    const { result } = await check('gcp', ['ES256'], {}, '/workloads/')
    expect(await result).toMatchObject({ algorithms: ['ES256'] })
  })

  it('says which keys the cloud will not take while there are others', async () => {
    expect(await (await check('azure', ['ES256', 'RS256'])).result).toMatchObject({ refused: ['ES256'] })
  })

  it.each([
    ['keys that the cloud does not take', ['ES256'], {}, 'ERR_CLOUD_ALGORITHM'],
    ['no keys', [], {}, 'ERR_CLOUD_DISCOVERY'],
    ['keys that are no list', [], { keys: '{"keys":{}}' }, 'ERR_CLOUD_DISCOVERY'],
    ['more keys than there can be', Array(101).fill('RS256'), {}, 'ERR_CLOUD_DISCOVERY'],
    ['another issuer', ['RS256'], { issuer: 'https://other.example' }, 'ERR_CLOUD_DISCOVERY'],
    ['keys in the clear', ['RS256'], { jwksUri: 'http://localhost/keys' }, 'ERR_CLOUD_DISCOVERY'],
    ['no metadata', ['RS256'], { status: 404 }, 'ERR_CLOUD_DISCOVERY'],
    ['a redirect', ['RS256'], { status: 302 }, 'ERR_CLOUD_DISCOVERY'],
    ['no JSON', ['RS256'], { metadata: '<html>' }, 'ERR_CLOUD_DISCOVERY'],
    ['two issuers in one', ['RS256'], { metadata: '{"issuer":"a","issuer":"b"}' }, 'ERR_CLOUD_DISCOVERY'],
    ['far too much', ['RS256'], { metadata: `{"a":"${'a'.repeat(600_000)}"}` }, 'ERR_CLOUD_ANSWER'],
  ])('refuses %s', async (_, algorithms, documents, code) => {
    const { result } = await check('azure', algorithms, documents)
    await expect(result).rejects.toMatchObject({ code })
  })

  it('believes no certificate of others', async () => {
    const { url } = await startHttpsServer(() => ({ body: '{}' }))
    const { roots } = await startHttpsServer(() => ({ body: '{}' }))
    for (const believed of [roots, undefined]) {
      await expect(checkIssuer(url, CLOUDS.gcp, believed)).rejects.toMatchObject({ code: 'ERR_CLOUD_UNREACHABLE' })
    }
  })
})
