import { expect, it } from 'vitest'
import { matchesDnsName } from './dns-identity.ts'

it.each([
  ['orders.example', ['orders.example']],
  ['ORDERS.example', ['orders.EXAMPLE']],
  ['orders.example.', ['orders.example']],
  ['orders.example', ['other.example', 'orders.example']],
  ['a.orders.example', ['*.orders.example']],
  ['localhost', ['localhost']],
])('%s is covered by %j', (host, sans) => {
  expect(matchesDnsName(host, sans)).toBe(true)
})

it.each([
  ['orders.example', []],
  ['orders.example', ['orders.example.evil']],
  ['evil-orders.example', ['orders.example']],
  ['orders.example', ['*.orders.example']],
  ['a.b.orders.example', ['*.orders.example']],
  ['orders.example', ['*.example']],
  ['localhost', ['*.localhost', '*.']],
  ['orders.example', ['*']],
  ['a.orders.example', ['a*.orders.example', '*a.orders.example']],
  ['a.b.example.org', ['a.*.example.org', '*.*.example.org']],
])('%s is not covered by %j', (host, sans) => {
  expect(matchesDnsName(host, sans)).toBe(false)
})
