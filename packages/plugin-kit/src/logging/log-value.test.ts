import { describe, expect, it } from 'vitest'
import { ConfigError } from '../config/config-error.ts'
import { toLogValue } from './log-value.ts'

const token = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30.c2ln`

describe('toLogValue', () => {
  it('keeps plain values', () => {
    const value = { a: 1, b: 'text', c: [true, null], d: { e: 'x' } }
    expect(toLogValue(value)).toEqual(value)
  })

  it('blanks members with secret names at any depth, whatever they hold', () => {
    expect(
      toLogValue({ token: 'a', list: [{ evidence: { pcr: 1 } }], headers: { Authorization: ['x'], cookie: 1 } }),
    ).toEqual({
      token: '[redacted]',
      list: [{ evidence: '[redacted]' }],
      headers: { Authorization: '[redacted]', cookie: '[redacted]' },
    })
  })

  it('shows that a secret is absent', () => {
    expect(toLogValue({ token: null, cookie: undefined })).toEqual({ token: null, cookie: undefined })
  })

  it('blanks credentials inside texts and names at any depth', () => {
    expect(
      toLogValue({ a: [{ b: `x ${token}` }], [token]: 1, m: new Map([['k', token]]), s: new Set([token]) }),
    ).toEqual({
      a: [{ b: 'x [redacted token]' }],
      '[redacted token]': 1,
      m: { k: '[redacted token]' },
      s: ['[redacted token]'],
    })
  })

  it('blanks the private part of a JWK', () => {
    expect(toLogValue({ key: { kty: 'OKP', crv: 'Ed25519', x: 'pub', d: 'priv' } })).toEqual({
      key: { kty: 'OKP', crv: 'Ed25519', x: 'pub', d: '[redacted]' },
    })
  })

  it('shows bytes as their length', () => {
    expect(toLogValue({ a: Buffer.from('secret'), b: new ArrayBuffer(3) })).toEqual({ a: '[6 bytes]', b: '[3 bytes]' })
  })

  it('writes what JSON has no word for', () => {
    expect(
      toLogValue({
        big: 10n,
        nan: Number.NaN,
        run() {},
        at: new Date(0),
        never: new Date(Number.NaN),
        url: new URL(`https://a.example/?t=${token}`),
      }),
    ).toEqual({
      big: '10',
      nan: 'NaN',
      run: '[function]',
      at: '1970-01-01T00:00:00.000Z',
      never: 'invalid date',
      url: 'https://a.example/?t=[redacted token]',
    })
  })

  it('cuts cycles, but shows a value twice when it is there twice', () => {
    const shared = { a: 1 }
    const cyclic: Record<string, unknown> = { shared, again: shared }
    cyclic['self'] = cyclic
    expect(toLogValue(cyclic)).toEqual({ shared: { a: 1 }, again: { a: 1 }, self: '[circular]' })
  })

  it('cuts what is too deep, wide or long', () => {
    let deep: unknown = 'end'
    for (let depth = 0; depth < 20; depth++) deep = { deep }
    expect(JSON.stringify(toLogValue(deep))).toContain('[too deep]')
    expect((toLogValue(Array(500).fill(1)) as unknown[]).length).toBe(101)
    expect(Object.keys(toLogValue(Object.fromEntries(Array(500).entries())) as object).length).toBe(101)
    expect((toLogValue('x'.repeat(10_000)) as string).length).toBeLessThan(8300)
  })

  it('redacts before it cuts', () => {
    const text = `${'x'.repeat(8180)} ${token}`
    expect(toLogValue(text)).not.toContain(token.slice(0, 8))
  })

  it('survives a getter that throws', () => {
    const hostile = {
      get a() {
        throw new Error('no')
      },
    }
    expect(toLogValue(hostile)).toBe('[not readable]')
  })
})

describe('toLogValue of errors', () => {
  it('is code, message, detail and the code of the cause for our own', () => {
    const cause = Object.assign(new Error('open failed'), { code: 'ENOENT' })
    const error = new ConfigError('ERR_CONFIG_NOT_FOUND', 'config file cannot be read', { detail: 'a.yaml', cause })
    expect(toLogValue({ error })).toEqual({
      error: { code: 'ERR_CONFIG_NOT_FOUND', message: 'config file cannot be read', detail: 'a.yaml', cause: 'ENOENT' },
    })
  })

  it('is name, message and stack for others', () => {
    const logged = toLogValue(new TypeError('wrong')) as Record<string, string>
    expect(logged).toMatchObject({ name: 'TypeError', message: 'wrong' })
    expect(logged['stack']).toContain('log-value.test.ts')
  })

  it('blanks credentials in message, detail, stack and causes', () => {
    const cause = new Error(`cause ${token}`)
    const foreign = new Error(`seen ${token}`, { cause })
    const ours = new ConfigError('ERR_CONFIG_INVALID', `has ${token}`, { detail: `detail ${token}`, cause })
    expect(JSON.stringify(toLogValue([foreign, ours]))).not.toContain(token.slice(0, 10))
    expect(toLogValue(ours)).toMatchObject({ message: 'has [redacted token]', detail: 'detail [redacted token]' })
  })

  it('ends a ring of causes', () => {
    const a = new Error('a')
    const b = new Error('b', { cause: a })
    a.cause = b
    expect(JSON.stringify(toLogValue(a))).toContain('[too deep]')
  })
})
