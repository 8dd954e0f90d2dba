import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { compileComponents } from './component.ts'
import type { HttpRequest, HttpResponse } from './http-message.ts'
import { MessageFields } from './message-fields.ts'
import { parseDictionary } from './parse-structured-field.ts'
import { buildSignatureBase } from './signature-base.ts'
import type { SignedExchange } from './signed-exchange.ts'
import type { InnerList } from './structured-field.ts'

function exchange(request: Partial<HttpRequest>, response?: Partial<HttpResponse>): SignedExchange {
  const message = { method: 'GET', target: '/', rawHeaders: [], ...request }
  const read = { message, fields: new MessageFields(message.rawHeaders) }
  if (response === undefined) return { request: read }
  const answer = { status: 200, rawHeaders: [], ...response }
  return { request: read, response: { message: answer, fields: new MessageFields(answer.rawHeaders) } }
}

function base(input: string, of: SignedExchange): string {
  const list = parseDictionary(`sig=${input}`, 'signature-input').get('sig') as InnerList
  return buildSignatureBase(compileComponents(list.items), list.source, of)
}

/** The value of one component. */
function value(component: string, of: SignedExchange): string {
  const [line = ''] = base(`(${component})`, of).split('\n')
  expect(line.startsWith(`${component}: `)).toBe(true)
  return line.slice(component.length + 2)
}

describe('derived components', () => {
  const request = exchange({
    method: 'PATCH',
    target: '/a/b?x=1&y=2',
    scheme: 'HTTPS',
    authority: 'API.Example:443',
    rawHeaders: ['Host', 'other.example'],
  })

  it.each([
    ['"@method"', 'PATCH'],
    ['"@request-target"', '/a/b?x=1&y=2'],
    ['"@scheme"', 'https'],
    ['"@authority"', 'api.example'],
    ['"@target-uri"', 'https://api.example/a/b?x=1&y=2'],
    ['"@path"', '/a/b'],
    ['"@query"', '?x=1&y=2'],
    ['"@query-param";name="y"', '2'],
  ])('%s', (component, expected) => {
    expect(value(component, request)).toBe(expected)
  })

  it.each([
    ['"@authority"', exchange({ rawHeaders: ['Host', 'Api.Example:80'], scheme: 'http' }), 'api.example'],
    ['"@authority"', exchange({ authority: 'api.example:8443' }), 'api.example:8443'],
    ['"@query"', exchange({ target: '/a' }), '?'],
    ['"@query"', exchange({ target: '/a?' }), '?'],
    ['"@path"', exchange({ target: 'https://api.example?q' }), '/'],
    ['"@path"', exchange({ target: 'http://api.example/a' }), '/a'],
    ['"@path"', exchange({ target: '/a?to=https://other.example/b' }), '/a'],
    ['"@query"', exchange({ target: '/a?to=https://other.example/b' }), '?to=https://other.example/b'],
    ['"@target-uri"', exchange({ target: 'https://api.example/a?q' }), 'https://api.example/a?q'],
    ['"@status"', exchange({}, { status: 404 }), '404'],
    ['"@method";req', exchange({ method: 'PUT' }, {}), 'PUT'],
    ['"@query-param";name="q";req', exchange({ target: '/?q=1' }, {}), '1'],
    ['"a";req', exchange({ rawHeaders: ['A', 'of request'] }, { rawHeaders: ['A', 'of response'] }), 'of request'],
    ['"a"', exchange({ rawHeaders: ['A', 'of request'] }, { rawHeaders: ['A', 'of response'] }), 'of response'],
  ] as const)('%s of %j', (component, of, expected) => {
    expect(value(component, of)).toBe(expected)
  })

  // RFC 9421 section 2.2.8.
  const target =
    '/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something'
  it.each([
    ['var', 'this%20is%20a%20big%0Amultiline%20value'],
    ['bar', 'with%20plus%20whitespace'],
    ['fa%C3%A7ade%22%3A%20', 'something'],
  ])('"@query-param";name="%s"', (name, expected) => {
    expect(value(`"@query-param";name="${name}"`, exchange({ target }))).toBe(expected)
  })

  it.each([
    ['/?a&b=1', 'a', ''],
    ['/?a=1=2&&c', 'a', '1%3D2'],
    ['/?a=%zz%4', 'a', '%25zz%254'],
    ['/?a=%2a%2d', 'a', '*-'],
  ])('reads the query of %s as a form', (query, name, expected) => {
    expect(value(`"@query-param";name="${name}"`, exchange({ target: query }))).toBe(expected)
  })
})

describe('fields', () => {
  const request = exchange({
    rawHeaders: [
      ...['X-List', '  one, two ', 'x-list', '\tthree\t', 'X-Empty', '', 'X-Bytes', 'caf\xe9', 'X-Bytes', 'a, b'],
      ...['Accept', 'text/html,   */*;  q=0.50', 'Accept', 'a/b', 'Content-Type', ' a/b;  c=d ', 'Vary', 'x,'],
      ...['X-Dict', ' a=1,    b=2;x=1;y=2,   c=(a   b   c), d', 'Content-Digest', 'sha-256=:AAEC:,  sha-512=::'],
    ],
  })

  it.each([
    ['"x-list"', 'one, two, three'],
    ['"x-empty"', ''],
    ['"x-dict"', 'a=1,    b=2;x=1;y=2,   c=(a   b   c), d'],
    ['"x-dict";key="a"', '1'],
    ['"x-dict";key="b"', '2;x=1;y=2'],
    ['"x-dict";sf;key="c"', '(a b c)'],
    ['"x-dict";key="d"', '?1'],
    ['"content-digest";sf', 'sha-256=:AAEC:, sha-512=::'],
    ['"accept";sf', 'text/html, */*;q=0.5, a/b'],
    ['"content-type";sf', 'a/b;c=d'],
    ['"x-bytes";bs', ':Y2Fm6Q==:, :YSwgYg==:'],
    ['"x-list";bs', ':b25lLCB0d28=:, :dGhyZWU=:'],
  ])('%s', (component, expected) => {
    expect(value(component, request)).toBe(expected)
  })

  it('refuses a field that is not what it is known to be', async () => {
    await expectCode(() => value('"vary";sf', request), 'ERR_SIGNATURE_MALFORMED')
    await expectCode(() => value('"accept";key="a"', request), 'ERR_SIGNATURE_COMPONENT')
    await expectCode(() => value('"content-type";key="a"', request), 'ERR_SIGNATURE_COMPONENT')
    await expectCode(() => value('"x-dict";sf', request), 'ERR_SIGNATURE_COMPONENT')
  })

  it('reuses the parameters exactly as they came, white space and spelling included', () => {
    const input = '( "@method"   "x-empty" );  tag="x";created=007;flag=?1'
    expect(base(input, request)).toBe(`"@method": GET\n"x-empty": \n"@signature-params": ${input}`)
  })
})

describe('refusals', () => {
  const fields = ['A', 'x\r\n y', 'B', 'é', 'C', 'a=1', 'D', 'x\u0000', 'E', '\u0100', 'Host', 'a', 'Host', 'b']
  const request = exchange({ rawHeaders: fields, target: '/?a=1&a=2&%ff=1' })
  const response = exchange({ rawHeaders: fields }, { rawHeaders: fields })

  it.each([
    ['"@signature-params"', 'ERR_SIGNATURE_COMPONENT'],
    ['"@unknown"', 'ERR_SIGNATURE_COMPONENT'],
    ['"Content-Type"', 'ERR_SIGNATURE_COMPONENT'],
    ['"a b"', 'ERR_SIGNATURE_COMPONENT'],
    ['""', 'ERR_SIGNATURE_COMPONENT'],
    ['token', 'ERR_SIGNATURE_COMPONENT'],
    ['"c";tr', 'ERR_SIGNATURE_COMPONENT'],
    ['"c";unknown', 'ERR_SIGNATURE_COMPONENT'],
    ['"c";bs;sf', 'ERR_SIGNATURE_COMPONENT'],
    ['"c";bs;key="a"', 'ERR_SIGNATURE_COMPONENT'],
    ['"c";bs=?0', 'ERR_SIGNATURE_COMPONENT'],
    ['"c";key=a', 'ERR_SIGNATURE_COMPONENT'],
    ['"c";sf', 'ERR_SIGNATURE_COMPONENT'],
    ['"c";req', 'ERR_SIGNATURE_COMPONENT'],
    ['"@method";bs', 'ERR_SIGNATURE_COMPONENT'],
    ['"@method";req', 'ERR_SIGNATURE_COMPONENT'],
    ['"@status"', 'ERR_SIGNATURE_COMPONENT'],
    ['"@query-param"', 'ERR_SIGNATURE_COMPONENT'],
    ['"c" "c"', 'ERR_SIGNATURE_COMPONENT_DUPLICATE'],
    ['"c";key="a";sf "c";sf;key="a"', 'ERR_SIGNATURE_COMPONENT_DUPLICATE'],
    ['"absent"', 'ERR_SIGNATURE_COMPONENT_ABSENT'],
    ['"c";key="b"', 'ERR_SIGNATURE_COMPONENT_ABSENT'],
    ['"@scheme"', 'ERR_SIGNATURE_COMPONENT_ABSENT'],
    ['"@target-uri"', 'ERR_SIGNATURE_COMPONENT_ABSENT'],
    ['"@authority"', 'ERR_SIGNATURE_COMPONENT_ABSENT'],
    ['"@query-param";name="b"', 'ERR_SIGNATURE_COMPONENT_VALUE'],
    ['"a"', 'ERR_SIGNATURE_COMPONENT_VALUE'],
    ['"a";bs', 'ERR_SIGNATURE_COMPONENT_VALUE'],
    ['"b"', 'ERR_SIGNATURE_COMPONENT_VALUE'],
    ['"d"', 'ERR_SIGNATURE_COMPONENT_VALUE'],
    ['"d";bs', 'ERR_SIGNATURE_COMPONENT_VALUE'],
    ['"e";bs', 'ERR_SIGNATURE_COMPONENT_VALUE'],
    ['"b";key="a"', 'ERR_SIGNATURE_MALFORMED'],
  ])('refuses %s of a request', async (components, code) => {
    await expectCode(() => base(`(${components})`, request), code)
  })

  it.each([
    ['scheme', { authority: 'api.example' }],
    ['authority', { scheme: 'https', rawHeaders: [] }],
  ])('refuses the target URI of a request without %s', async (_, message) => {
    await expectCode(() => value('"@target-uri"', exchange(message)), 'ERR_SIGNATURE_COMPONENT_ABSENT')
  })

  it.each(['"@method"', '"@path"', '"@status";req', '"c";tr;req'])('refuses %s of a response', async (component) => {
    await expectCode(() => base(`(${component})`, response), 'ERR_SIGNATURE_COMPONENT')
  })

  it('refuses a query parameter that stands there twice', async () => {
    const of = exchange({ target: '/?a=1&%61=2' })
    await expectCode(() => base('("@query-param";name="a")', of), 'ERR_SIGNATURE_COMPONENT_VALUE')
    await expectCode(() => base('("@query-param";name="b")', of), 'ERR_SIGNATURE_COMPONENT_ABSENT')
  })

  it('refuses a request target that would add a line', async () => {
    const of = exchange({ target: '/\n"@method": POST' })
    await expectCode(() => base('("@request-target")', of), 'ERR_SIGNATURE_COMPONENT_VALUE')
  })

  it('refuses header fields above the limit', async () => {
    await expectCode(() => new MessageFields(['A', 'x'.repeat(65_536)]), 'ERR_SIGNATURE_TOO_LARGE')
  })
})
