// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax this is about
import { describe, expect, it } from 'vitest'
import { interpolate } from './interpolate.ts'

const env = { HOST: 'db.example', EMPTY: '', SNEAKY: '${HOST}: [1, 2]' }

describe('interpolate', () => {
  it.each([
    ['${HOST}', 'db.example'],
    ['https://${HOST}:8443/', 'https://db.example:8443/'],
    ['${HOST}${HOST}', 'db.exampledb.example'],
    ['${MISSING:-fallback}', 'fallback'],
    ['${MISSING:-}', ''],
    ['${HOST:-fallback}', 'db.example'],
    ['${EMPTY:-fallback}', 'fallback'],
    ['${EMPTY}', ''],
    ['$${HOST}', '${HOST}'],
    ['$$$${HOST}', '$${HOST}'],
    ['$$${HOST}', '$db.example'],
    ['costs 5$', 'costs 5$'],
    ['$HOST', '$HOST'],
  ])('%s becomes %s', (text, expected) => {
    expect(interpolate(text, env)).toBe(expected)
  })

  it('reaches every string but no key', () => {
    expect(interpolate({ list: [{ url: '${HOST}' }, 1, null, true], '${HOST}': 'x' }, env)).toEqual({
      list: [{ url: 'db.example' }, 1, null, true],
      '${HOST}': 'x',
    })
  })

  it('does not interpolate what a variable holds', () => {
    expect(interpolate('${SNEAKY}', env)).toBe('${HOST}: [1, 2]')
  })

  it('names the path and the variable that is not set', () => {
    expect(() => interpolate({ attestors: [{ token: '${JOIN_TOKEN}' }] }, env)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG_VARIABLE',
        message: '"attestors[0].token" needs environment variable "JOIN_TOKEN", which is not set',
      }),
    )
  })

  it('does not take names from the prototype of the environment', () => {
    expect(() => interpolate('${toString}', env)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_VARIABLE' }))
  })

  it.each(['${', '${HOST', '${1A}', '${A B}', '${HOST-x}'])('refuses %s', (text) => {
    expect(() => interpolate({ a: text }, env)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_VARIABLE' }))
  })

  it('keeps a key named __proto__ an ordinary key', () => {
    const parsed = interpolate(JSON.parse('{"__proto__": {"polluted": "yes"}}'), env) as object
    expect(Object.keys(parsed)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype)
  })

  it('refuses a configuration without end', () => {
    let nested: unknown = 'x'
    for (let depth = 0; depth < 70; depth++) nested = [nested]
    expect(() => interpolate(nested, env)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_SYNTAX' }))
  })
})
