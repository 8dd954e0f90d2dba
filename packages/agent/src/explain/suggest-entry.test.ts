import { describe, expect, it } from 'vitest'
import { suggestName, suggestSelectors } from './suggest-entry.ts'

const unix = (...values: string[]) => values.map((value) => ({ type: 'unix', value }))
const found = (program: string | undefined, ...values: string[]) => ({
  process: { pid: 1, uid: 1, gid: 1, ...(program === undefined ? {} : { program }) },
  attestors: [{ name: 'unix', notes: [], selectors: unix(...values) }],
})

describe('suggestSelectors', () => {
  it('takes what tells a program from others, and neither hashes nor groups', () => {
    const all = unix('uid:1', 'user:a', 'gid:1', 'path:/n', 'sha256:ff', 'script:path:/s.js', 'script:sha256:ff')
    expect(suggestSelectors(all)).toEqual(unix('uid:1', 'path:/n', 'script:path:/s.js'))
  })

  it('takes the first few of other attestors', () => {
    const others = ['ns:a', 'sa:b', 'pod:c', 'image:d'].map((value) => ({ type: 'k8s', value }))
    expect(suggestSelectors([...others, ...unix('uid:1')])).toEqual([...others.slice(0, 3), ...unix('uid:1')])
  })
})

describe('suggestName', () => {
  it.each([
    ['/usr/bin/node', ['script:path:/srv/orders/main.mjs'], 'main'],
    ['/usr/sbin/nginx', [], 'nginx'],
    ['/usr/bin/gone (deleted)', [], 'gone'],
    ['/opt/my app/über web', [], 'ber-web'],
    ['/opt/...', [], 'workload'],
    [undefined, [], 'workload'],
    [`/${'a'.repeat(200)}`, [], 'a'.repeat(64)],
  ])('of %s is one segment of a SPIFFE ID', (program, scripts, name) => {
    expect(suggestName(found(program, ...scripts))).toBe(name)
  })
})
