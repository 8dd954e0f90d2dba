import { describe, expect, it } from 'vitest'
import { stsErrorXml as errorXml, CREDENTIAL_FIELDS as FIELDS, stsXml } from '../../test-support/sts-xml.ts'
import { readStsAnswer } from './sts-answer.ts'

describe('readStsAnswer', () => {
  it('reads credentials', () => {
    expect(readStsAnswer({ status: 200, body: stsXml() })).toEqual({
      accessKeyId: FIELDS.AccessKeyId,
      secretAccessKey: FIELDS.SecretAccessKey,
      sessionToken: FIELDS.SessionToken,
      expiration: FIELDS.Expiration,
    })
  })

  it.each([
    ['no credentials', '<html>sign in</html>'],
    ['two of them', stsXml() + stsXml()],
    [
      'a member that is missing',
      stsXml({ ...FIELDS, SessionToken: undefined } as never).replace(/.*undefined.*\n/, ''),
    ],
    ['a member with markup', stsXml({ ...FIELDS, SessionToken: 'a&quot;b' })],
    ['an end that is no time', stsXml({ ...FIELDS, Expiration: 'never' })],
    ['a member twice', stsXml().replace('<Expiration>', '<AccessKeyId>other</AccessKeyId><Expiration>')],
  ])('refuses an answer with %s', (_, body) => {
    expect(() => readStsAnswer({ status: 200, body })).toThrow(expect.objectContaining({ code: 'ERR_CLOUD_ANSWER' }))
  })

  it('tells what STS says', () => {
    const body = errorXml('AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity')
    expect(() => readStsAnswer({ status: 403, body })).toThrow(
      expect.objectContaining({
        code: 'ERR_CLOUD_REFUSED',
        message: 'STS refuses: AccessDenied',
        detail: 'Not authorized to perform sts:AssumeRoleWithWebIdentity',
      }),
    )
  })

  it('repeats no token that an answer quotes', () => {
    const token = `${'e'.repeat(60)}.${'y'.repeat(60)}.${'J'.repeat(60)}`
    const read = () => readStsAnswer({ status: 400, body: errorXml('InvalidIdentityToken', `bad ${token} here`) })
    expect(read).toThrow(expect.objectContaining({ detail: 'bad ….….… here' }))
  })

  it.each(['', '<Code></Code>', '<Code>A b</Code>', '<Code>\u001b[2J</Code>'])(
    'says so when there is no code: %j',
    (body) => {
      expect(() => readStsAnswer({ status: 502, body })).toThrow('STS answers with status 502 and no error code')
    },
  )
})
