import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openInRoot } from './open-in-root.ts'

let base: string
let root: string

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'root-'))
  root = join(base, 'root')
  await mkdir(join(root, 'app/sub'), { recursive: true })
  await writeFile(join(root, 'app/main.js'), 'inside')
  await writeFile(join(base, 'secret'), 'outside')
})
afterEach(() => rm(base, { recursive: true }))

async function found(path: string): Promise<{ path: string; content: string } | string> {
  const file = await openInRoot(root, path)
  if ('omitted' in file) return file.omitted
  const content = await readFile(file.handlePath, 'utf8')
  await file.close()
  return { path: file.path, content }
}

const inside = { path: '/app/main.js', content: 'inside' }

describe('openInRoot', () => {
  it.each(['/app/main.js', '/app/./sub/../main.js', '//app///main.js', '/../../app/main.js'])(
    'finds %s',
    async (path) => {
      expect(await found(path)).toEqual(inside)
    },
  )

  it('follows relative and absolute links inside the root', async () => {
    await symlink('../app', join(root, 'app/again'))
    await symlink('/app/again/main.js', join(root, 'start'))
    expect(await found('/start')).toEqual(inside)
  })

  it('takes an absolute link from the root, wherever it is', async () => {
    await symlink('/app/main.js', join(root, 'app/sub/absolute'))
    expect(await found('/app/sub/absolute')).toEqual(inside)
  })

  it('takes an absolute link as absolute in the root, not on the host', async () => {
    await symlink(join(base, 'secret'), join(root, 'link'))
    expect(await found('/link')).toBe('ENOENT')
  })

  it('does not climb out of the root', async () => {
    await symlink('../../../../../../../../secret', join(root, 'app/link'))
    expect(await found('/app/link')).toBe('ENOENT')
    expect(await found('/../secret')).toBe('ENOENT')
  })

  it('ends at a ring of links', async () => {
    await symlink('b', join(root, 'a'))
    await symlink('a', join(root, 'b'))
    expect(await found('/a')).toBe('too many links')
  })

  it('ends at links that grow', async () => {
    await symlink('grow/x/../grow/x/..', join(root, 'grow'))
    expect(await found('/grow')).toBe('too many links')
  })

  it('ends at a path with very many steps', async () => {
    expect(await found(`${'/app/..'.repeat(1000)}/app/main.js`)).toBe('path is too long')
  })

  it.each([
    ['/app', 'not a plain file'],
    ['/', 'not a plain file'],
    ['/missing', 'ENOENT'],
    ['/app/main.js/x', 'ENOTDIR'],
    [`/${'x'.repeat(300)}`, 'ENAMETOOLONG'],
    ['/proc/self/exe', 'path leads into /proc'],
  ])('has no file for %s', async (path, reason) => {
    expect(await found(path)).toBe(reason)
  })

  it('does not enter /proc through a link, as /dev/stdin has one', async () => {
    await symlink('/proc/self/fd/0', join(root, 'stdin'))
    expect(await found('/stdin')).toBe('path leads into /proc')
  })

  it('does not wait for a pipe', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')])
    expect(await found('/pipe')).toBe('not a plain file')
  })

  it('leaves no handle open', async () => {
    const before = (await readdir('/proc/self/fd')).length
    for (const path of ['/app/main.js', '/missing', '/app', '/app/sub/../../app/main.js', '/proc/1']) await found(path)
    expect((await readdir('/proc/self/fd')).length).toBe(before)
  })
})
