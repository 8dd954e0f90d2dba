import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import type { ConfigError } from './config-error.ts'
import { parseConfig } from './parse-config.ts'

const closed = { additionalProperties: false }
const Port = Type.Integer({ minimum: 0, maximum: 65_535, default: 8441 })
const Schema = Type.Object(
  {
    trustDomain: Type.String({ minLength: 1 }),
    machine: Type.Object({ port: Port, host: Type.String({ default: '0.0.0.0' }) }, { ...closed, default: {} }),
    level: Type.Union([Type.Literal('debug'), Type.Literal('info')], { default: 'info' }),
    secure: Type.Optional(Type.Boolean()),
    attestors: Type.Optional(
      Type.Array(Type.Object({ name: Type.String(), config: Type.Optional(Type.Unknown()) }), { minItems: 1 }),
    ),
    labels: Type.Optional(Type.Record(Type.String(), Type.Integer())),
    store: Type.Optional(
      Type.Union([
        Type.Object({ kind: Type.Literal('sqlite'), file: Type.String() }, closed),
        Type.Object(
          { kind: Type.Literal('postgres'), url: Type.String(), pool: Type.Optional(Type.Integer()) },
          closed,
        ),
      ]),
    ),
    name: Type.Optional(Type.String({ pattern: '^[a-z]+$', description: 'lower-case letters' })),
  },
  closed,
)

const minimal = { trustDomain: 'example.org' }
const parse = (extra: object) => parseConfig(Schema, { ...minimal, ...extra })

function refused(run: () => unknown): { code: string; message: string; detail: string | undefined } {
  try {
    run()
  } catch (error) {
    const { name, code, message, detail } = error as ConfigError
    expect(name).toBe('ConfigError')
    return { code, message, detail }
  }
  throw new Error('was accepted')
}

describe('parseConfig', () => {
  it('fills in defaults, of missing mappings too', () => {
    expect(parse({})).toEqual({
      trustDomain: 'example.org',
      machine: { port: 8441, host: '0.0.0.0' },
      level: 'info',
    })
    expect(parse({ machine: { port: 1 } }).machine).toEqual({ port: 1, host: '0.0.0.0' })
  })

  it('takes undefined as an empty mapping', () => {
    expect(parseConfig(Type.Object({ a: Type.Integer({ default: 7 }) }), undefined)).toEqual({ a: 7 })
  })

  it('leaves its input alone and freezes its output to the bottom', () => {
    const input = { ...minimal, machine: {}, attestors: [{ name: 'unix', config: { a: [1] } }] }
    const copy = structuredClone(input)
    const config = parseConfig(Schema, input)
    expect(input).toEqual(copy)
    expect(() => Object.assign(config.machine, { port: 1 })).toThrow(TypeError)
    expect(() => (config.attestors![0]!.config as { a: number[] }).a.push(2)).toThrow(TypeError)
    input.machine = { port: 9 }
    expect(config.machine.port).toBe(8441)
  })

  it('gives every call its own defaults', () => {
    expect(parse({}).machine).not.toBe(parse({}).machine)
    expect(Object.isFrozen(Schema.properties.machine)).toBe(false)
  })
})

describe('unknown keys', () => {
  it.each([
    [{ machine: { prot: 1 } }, 'unknown key "machine.prot", did you mean "machine.port"?'],
    [{ trustdomain: 'x' }, 'unknown key "trustdomain", did you mean "trustDomain"?'],
    [{ zebra: 1 }, 'unknown key "zebra"'],
    [
      { attestors: [{ name: 'a' }, { nmae: 'b' }] },
      'unknown key "attestors[1].nmae", did you mean "attestors[1].name"?',
    ],
    [{ store: { kind: 'postgres', ulr: 'x' } }, 'unknown key "store.ulr", did you mean "store.url"?'],
    [{ store: { kind: 'sqlite', url: 'x' } }, 'unknown key "store.url"'],
    [{ 'odd key\n': 1 }, 'unknown key "["odd key\\n"]"'],
    [JSON.parse('{"__proto__": {"level": "debug"}}'), 'unknown key "__proto__"'],
    [{ toString: 1 }, 'unknown key "toString"'],
  ])('%j', (extra, message) => {
    const error = refused(() => parse(extra))
    expect(error).toMatchObject({ code: 'ERR_CONFIG_UNKNOWN_KEY', message })
  })

  it('are refused by a schema that forgot to close its object', () => {
    const open = Type.Object({ port: Type.Optional(Type.Integer()) })
    expect(refused(() => parseConfig(open, { prot: 1 })).code).toBe('ERR_CONFIG_UNKNOWN_KEY')
  })

  it('are allowed where the schema says so', () => {
    expect(parse({ labels: { anything: 1 }, attestors: [{ name: 'x', config: { any: { thing: 1 } } }] })).toMatchObject(
      {
        labels: { anything: 1 },
      },
    )
    const open = Type.Object({ a: Type.Optional(Type.Integer()) }, { additionalProperties: true })
    expect(parseConfig(open, { b: 1 })).toEqual({ b: 1 })
  })

  it('of an intersection are those that no part knows', () => {
    const both = Type.Intersect([Type.Object({ a: Type.Integer() }), Type.Object({ b: Type.Integer() })])
    expect(parseConfig(both, { a: 1, b: 2 })).toEqual({ a: 1, b: 2 })
    expect(refused(() => parseConfig(both, { a: 1, b: 2, c: 3 })).message).toBe('unknown key "c"')
  })
})

describe('invalid values', () => {
  it.each([
    [{ trustDomain: undefined }, /"trustDomain" must be non-empty text|missing key "trustDomain"/],
    [{ trustDomain: '' }, '"trustDomain" must be non-empty text'],
    [{ machine: { port: 70_000 } }, '"machine.port" must be an integer from 0 to 65535'],
    [{ machine: { port: 'eighty' } }, '"machine.port" must be an integer from 0 to 65535, got text'],
    [{ machine: null }, '"machine" must be a mapping, got null'],
    [{ machine: [] }, '"machine" must be a mapping, got a list'],
    [{ secure: 'yes' }, '"secure" must be true or false, got text'],
    [{ level: 'inof' }, '"level" must be one of "debug", "info", did you mean "info"?'],
    [{ level: 5 }, '"level" must be one of "debug", "info"'],
    [{ attestors: [] }, '"attestors" must be a list of at least 1 items'],
    [{ attestors: [{}] }, 'missing key "attestors[0].name", expected text'],
    [{ labels: { 'a/b': 'x' } }, '"labels["a/b"]" must be an integer, got text'],
    [{ store: { kind: 'postgres' } }, 'missing key "store.url", expected text'],
    [{ store: { kind: 'postgres', url: 'x', pool: 'y' } }, '"store.pool" must be an integer, got text'],
    [{ store: 'x' }, '"store" must be a mapping'],
    [{ store: { kind: 'oracle' } }, '"store" must be a mapping'],
    [{ name: 'ABC' }, '"name" must be text (lower-case letters)'],
  ])('%j', (extra, message) => {
    const error = refused(() => parse(extra))
    expect(error.code).toBe('ERR_CONFIG_INVALID')
    if (typeof message === 'string') expect(error.message).toBe(message)
    else expect(error.message).toMatch(message)
  })

  it('says which key is missing', () => {
    const error = refused(() => parseConfig(Schema, {}))
    expect(error).toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: 'missing key "trustDomain", expected non-empty text',
    })
  })

  it('names the document itself when it is no mapping', () => {
    expect(refused(() => parseConfig(Schema, null)).message).toBe('the configuration must be a mapping, got null')
  })

  it('puts the given path in front', () => {
    const schema = Type.Object({ token: Type.String() })
    expect(refused(() => parseConfig(schema, { tokn: 'x' }, { path: 'nodeAttestor.config' })).message).toBe(
      'unknown key "nodeAttestor.config.tokn", did you mean "nodeAttestor.config.token"?',
    )
    expect(refused(() => parseConfig(schema, 1, { path: 'nodeAttestor.config' })).message).toBe(
      '"nodeAttestor.config" must be a mapping, got a number',
    )
  })

  it('reports all problems in detail, the first in the message', () => {
    const error = refused(() => parseConfig(Schema, { machine: { prot: 1, port: -1 }, level: 'x', secure: 1 }))
    expect(error.message).toBe('unknown key "machine.prot", did you mean "machine.port"?')
    expect(error.detail?.split('; ')).toEqual([
      'unknown key "machine.prot", did you mean "machine.port"?',
      'missing key "trustDomain", expected non-empty text',
      '"machine.port" must be an integer from 0 to 65535',
      '"level" must be one of "debug", "info"',
      '"secure" must be true or false, got a number',
    ])
  })

  it('reports more problems than the validator does by default', () => {
    const keys = Array.from({ length: 20 }, (_, index) => `key${index}`)
    const schema = Type.Object(Object.fromEntries(keys.map((key) => [key, Type.Integer()])))
    const error = refused(() => parseConfig(schema, Object.fromEntries(keys.map((key) => [key, 'x']))))
    expect(error.detail?.split('; ')).toHaveLength(20)
  })

  it('never quotes a value', () => {
    const error = refused(() => parse({ machine: 'hunter2', level: 'hunter2', secure: 'hunter2', store: 'hunter2' }))
    expect(JSON.stringify(error)).not.toContain('hunter2')
  })

  it('obeys a refinement', () => {
    const schema = Type.Object({
      a: Type.Refine(
        Type.Integer(),
        (value) => value % 2 === 0,
        () => 'must be even',
      ),
    })
    expect(refused(() => parseConfig(schema, { a: 3 })).message).toBe('"a" must be even')
  })
})

describe('text from the environment', () => {
  it('becomes the number or boolean the schema asks for', () => {
    expect(parse({ machine: { port: '80' }, secure: 'true', labels: { a: '-5' } })).toMatchObject({
      machine: { port: 80 },
      secure: true,
      labels: { a: -5 },
    })
  })

  it('stays text where text is asked for', () => {
    expect(parse({ trustDomain: '1e5', attestors: [{ name: '42', config: { token: '7' } }] })).toMatchObject({
      trustDomain: '1e5',
      attestors: [{ name: '42', config: { token: '7' } }],
    })
  })

  it.each(['08', '1e3', '0x50', ' 80', '80 ', '', '1.0', '99999999999999999', 'NaN'])('%j is no integer', (port) => {
    expect(refused(() => parse({ machine: { port } })).code).toBe('ERR_CONFIG_INVALID')
  })
})
