import { describe, expect, it } from 'vitest'
import { PluginCatalog } from './catalog.ts'
import { definePlugin, type PluginDescriptor } from './define-plugin.ts'

const keyManager = (name: string) =>
  definePlugin({
    type: 'key-manager',
    name,
    apiVersion: 1,
    parseConfig: () => ({ size: 1 }),
    create: (_config: { size: number }) => {
      throw new Error('not created in this test')
    },
  })

const attestor = definePlugin({
  type: 'workload-attestor',
  name: 'disk',
  apiVersion: 1,
  parseConfig: () => undefined,
  create: () => ({ attest: async () => [] }),
})

const invalid = (message: string) =>
  expect.objectContaining({ name: 'ConfigError', code: 'ERR_CONFIG_INVALID', message })

describe('PluginCatalog', () => {
  const disk = keyManager('disk')
  const catalog = new PluginCatalog([keyManager('memory'), disk, attestor])

  it('resolves by type and name', () => {
    expect(catalog.resolve('key-manager', 'disk')).toBe(disk)
    expect(catalog.resolve('workload-attestor', 'disk')).toBe(attestor)
  })

  it('gives a descriptor whose create returns the plugin of that type', async () => {
    const plugin = catalog.resolve('workload-attestor', 'disk')
    const context = { clock: {} as never, log: {} as never, dataDir: '/nowhere' }
    expect(await plugin.create(plugin.parseConfig({}), context).attest({} as never, AbortSignal.abort())).toEqual([])
  })

  it('lists names sorted', () => {
    expect(catalog.names('key-manager')).toEqual(['disk', 'memory'])
    expect(catalog.names('node-attestor-agent')).toEqual([])
  })

  it.each([
    ['key-manager', 'dsik', 'no key-manager plugin is named "dsik", did you mean "disk"? (known: disk, memory)'],
    ['key-manager', 'vault-transit', 'no key-manager plugin is named "vault-transit" (known: disk, memory)'],
    ['key-manager', 'constructor', 'no key-manager plugin is named "constructor" (known: disk, memory)'],
    ['workload-attestor', 'memory', 'no workload-attestor plugin is named "memory" (known: disk)'],
    ['node-attestor-server', 'disk', 'no node-attestor-server plugin is named "disk" (none is installed)'],
  ] as const)('names what there is when %s %s is not', (type, name, message) => {
    expect(() => catalog.resolve(type, name)).toThrow(invalid(message))
  })

  it('refuses two plugins with one type and name', () => {
    expect(() => new PluginCatalog([disk, keyManager('disk')])).toThrow(
      invalid('two key-manager plugins are named "disk"'),
    )
  })

  it('refuses a plugin made for another interface version', () => {
    expect(() => new PluginCatalog([{ ...disk, apiVersion: 2 } as unknown as PluginDescriptor])).toThrow(
      invalid('key-manager plugin "disk" is made for plugin interface 2, this program has 1'),
    )
  })

  it.each([
    undefined,
    null,
    'disk',
    {},
    { ...disk, name: 5 },
    { ...disk, type: 'datastore' },
    { ...disk, type: undefined },
  ])('refuses %j, which is no descriptor', (value) => {
    expect(() => new PluginCatalog([value as unknown as PluginDescriptor])).toThrow(
      invalid('a package in the plugin list does not export a plugin descriptor'),
    )
  })

  it.each(['parseConfig', 'create'])('refuses a descriptor without %s', (member) => {
    expect(() => new PluginCatalog([{ ...disk, [member]: undefined } as unknown as PluginDescriptor])).toThrow(
      invalid('key-manager plugin "disk" lacks parseConfig or create'),
    )
  })
})
