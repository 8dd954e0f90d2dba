import { describe, expect, it } from 'vitest'
import { protectedResource } from './protected-resource.ts'

const issuer = 'https://id.example'
const named = (audience: string | readonly string[], baseUrl?: string) =>
  protectedResource({ issuer, audience, ...(baseUrl === undefined ? {} : { baseUrl }) })

describe('protectedResource', () => {
  it.each<[string | readonly string[], string | undefined, string, string]>([
    ['https://orders.example/', undefined, 'https://orders.example/', ''],
    ['https://orders.example', undefined, 'https://orders.example', ''],
    [['orders', 'https://a.example/shop/', 'https://b.example'], undefined, 'https://a.example/shop/', '/shop'],
    ['https://orders.example/', 'https://orders.example', 'https://orders.example/', ''],
    ['orders', 'https://orders.example/', 'https://orders.example', ''],
  ])('names a service with audience %j and base URL %j as tokens must: %j', (audience, baseUrl, resource, path) => {
    const { document, path: place } = named(audience, baseUrl)
    expect(document.resource).toBe(resource)
    expect(place).toBe(`/.well-known/oauth-protected-resource${path}`)
  })
})
