import type { Fetch } from './oauth-client.ts'

/** Sends a request that was granted once more, as whoever overheard it would. */
export const twice: Fetch = async (url, init) => {
  const first = await fetch(url, init)
  return first.ok ? fetch(url, init) : first
}

/** Keeps a field of the last request that `listen` sent, and puts it on those that `repeat` sends. */
export function overhearing(name: string): { readonly listen: Fetch; readonly repeat: Fetch } {
  let heard = ''
  return {
    listen(url, init) {
      heard = new Headers(init?.headers).get(name) ?? heard
      return fetch(url, init)
    },
    repeat(url, init) {
      const headers = new Headers(init?.headers)
      headers.set(name, heard)
      return fetch(url, { ...init, headers })
    },
  }
}
