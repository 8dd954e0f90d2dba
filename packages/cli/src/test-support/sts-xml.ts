/** What STS gives, as the elements of its answer. */
export const CREDENTIAL_FIELDS = {
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'secret/with+base64=',
  SessionToken: 'session/with+base64==',
  Expiration: '2026-11-22T23:00:00Z',
}

export function stsXml(fields: Readonly<Record<string, string>> = CREDENTIAL_FIELDS): string {
  const elements = Object.entries(fields).map(([name, value]) => `      <${name}>${value}</${name}>`)
  return [
    '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">',
    '  <AssumeRoleWithWebIdentityResult>',
    '    <SubjectFromWebIdentityToken>spiffe://example.org/app</SubjectFromWebIdentityToken>',
    ...['    <Credentials>', ...elements, '    </Credentials>'],
    '  </AssumeRoleWithWebIdentityResult>',
    '</AssumeRoleWithWebIdentityResponse>',
  ].join('\n')
}

export const stsErrorXml = (code: string, message: string) =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`
